"""Counts how many persons of a plan get or lose each property, where each person gets its own values. Pure."""

from collections.abc import Sequence
from typing import Any

from bulk.posthog.request_costs import ValueTotals
from bulk.property_checks import DesiredProperties


class ValueCounts:
    """The counts of one plan.

    Arguments:
        keys: the properties of the operation.
    """

    def __init__(self, keys: Sequence[str]) -> None:
        self._set = dict.fromkeys(keys, 0)
        self._unset = dict.fromkeys(keys, 0)
        self._setting = self._losing = 0

    def add(self, change: DesiredProperties) -> None:
        """Count what one person gets and loses."""
        self._setting += bool(change.values or change.once)
        self._losing += bool(change.absent)
        for key in change.values:
            self._set[key] += 1
        for key in change.once:
            self._set[key] += 1
        for key in change.absent:
            self._unset[key] += 1

    def to_finding(self) -> dict[str, Any]:
        """Return the counts by property, without any value."""
        of = [{"key": key, "set": count, "unset": self._unset[key]} for key, count in self._set.items()]
        return {"kind": "values", "of": of, "setting": self._setting, "losing": self._losing}


def value_totals(findings: list[Any]) -> ValueTotals | None:
    """Return what all persons of a plan get and lose together; None if its findings do not say.

    Arguments:
        findings: of the plan, each with its `kind`.
    """
    values = next((one for one in findings if isinstance(one, dict) and one.get("kind") == "values"), {})
    setting, losing = values.get("setting"), values.get("losing")
    if not isinstance(setting, int) or not isinstance(losing, int):
        return None  # a plan of an earlier version
    return ValueTotals(setting=setting, losing=losing, removals=sum(one["unset"] for one in values["of"]))
