"""Decides whether and how the change of one person is undone. Pure.

It follows from what the person had, what the job set, and what the person has now.
"""

from collections.abc import Mapping
from enum import Enum
from typing import Any

from bulk.property_checks import DesiredProperties, equal


class LeaveReason(Enum):
    """Why a person is left as it is."""

    CHANGED = "changed"
    AS_BEFORE = "as_before"


def decide_revert(
    had: Mapping[str, Any], change: DesiredProperties, has: Mapping[str, Any]
) -> DesiredProperties | LeaveReason:
    """Return the values that a person gets back, or why it is left as it is.

    A property that is as before needs nothing, even if the job was to change it: the job may have ended before that, or
    somebody undid it. Others changed the person if one of the other properties is not what the job set.

    Arguments:
        had: what it had before, of the properties that the job changes; a key that is missing did not exist.
        change: what the job set or removed.
        has: the properties that it has now.
    """
    made = effect(change, had)
    touched = [key for key in made.keys if not _same(key, had, has)]
    if not touched:
        return LeaveReason.AS_BEFORE
    if any(key in touched for key in made.unmet_keys(has)):
        return LeaveReason.CHANGED
    values = {key: had[key] for key in touched if key in had}
    return DesiredProperties(values=values, absent=tuple(key for key in touched if key not in had))


def lacks_set_value(had: Mapping[str, Any], change: DesiredProperties, has: Mapping[str, Any]) -> bool:
    """Return whether a person lacks a value that the job set, so that one read of it decides nothing (guarantee 11)."""
    return any(key not in has for key in effect(change, had).values)


def effect(change: DesiredProperties, had: Mapping[str, Any]) -> DesiredProperties:
    """Return what a change did to a person that had these properties: setting once does nothing to those it had."""
    if not change.once:
        return change
    return DesiredProperties(values={key: value for key, value in change.once.items() if key not in had})


def _same(key: str, one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Return whether a property is the same in both, or in neither."""
    if key not in one or key not in other:
        return (key in one) == (key in other)
    return equal(one[key], other[key])
