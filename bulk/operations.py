"""What a job does to each of its targets: plain values, written into plan and journal.

Knows no client, no file and no target; `dispatch` turns an operation into calls.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, get_args

import msgspec

from bulk.errors import InputError
from bulk.property_checks import DesiredProperties, checked_keys, checked_properties
from bulk.states import Axis

RouteChoice = Literal["auto", "rest", "capture"]
"""By which route properties are changed; "auto" takes the quicker one."""

ROUTES: tuple[RouteChoice, ...] = get_args(RouteChoice)


class _Operation(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind"):
    pass


class DeletePersons(_Operation, frozen=True, tag="delete"):
    """Delete each person, after what else was asked for has been queued.

    Arguments:
        delete_events: queue the deletion of the person's events first (contract 6.5, 6.6).
        delete_recordings: ask for the deletion of the person's recordings first (contract 6.7).
    """

    delete_events: bool = False
    delete_recordings: bool = False


class DeleteEvents(_Operation, frozen=True, tag="delete-events"):
    """Queue the deletion of each person's events up to now; the person stays (contract 6.5, 6.6)."""


class DeleteRecordings(_Operation, frozen=True, tag="delete-recordings"):
    """Ask for the deletion of each person's recordings; the person stays (contract 6.5, 6.7)."""


class UpdateProperties(_Operation, frozen=True, tag="update"):
    """Set properties of each person; those that are not named stay (contract 6.3, 12).

    Arguments:
        properties: values by key, as JSON has them; None sets null.
        route: "rest", one call per person; "capture", one event per person in large batches; "auto", the quicker one.

    Raises:
        InputError: there is no property, or one that the server cannot hold.
    """

    properties: Mapping[str, Any]
    route: RouteChoice = "auto"

    def __post_init__(self) -> None:
        msgspec.structs.force_setattr(self, "properties", checked_properties(self.properties))
        _check_route(self.route)

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys that are set."""
        return tuple(self.properties)

    def __repr__(self) -> str:  # the values speak of persons
        return f"UpdateProperties(keys={self.keys!r}, route={self.route!r})"


class UnsetProperties(_Operation, frozen=True, tag="unset"):
    """Remove properties from each person (contract 6.8, 12).

    Arguments:
        keys: which.
        route: "rest", one call per person and key; "capture", one event per person in large batches; or "auto".

    Raises:
        InputError: there is no key, or one that the server cannot hold.
    """

    keys: Sequence[str]
    route: RouteChoice = "auto"

    def __post_init__(self) -> None:
        msgspec.structs.force_setattr(self, "keys", checked_keys(self.keys))
        _check_route(self.route)


Operation = DeletePersons | DeleteEvents | DeleteRecordings | UpdateProperties | UnsetProperties
PropertyOperation = UpdateProperties | UnsetProperties

_LEADS = {
    "delete": Axis.PERSON,
    "delete-events": Axis.EVENTS,
    "delete-recordings": Axis.RECORDINGS,
    "update": Axis.PROPERTIES,
    "unset": Axis.PROPERTIES,
}


def primary_axis_of(fields: dict[str, Any]) -> Axis:
    """The axis whose end is the end of the operation, as plan or journal hold it.

    Raises:
        ValueError: the kind is not one that this version knows.
    """
    kind = fields.get("kind")
    if kind not in _LEADS:
        raise ValueError(f"the operation {kind!r} is not one of this version")
    return _LEADS[kind]


def axes_of(fields: dict[str, Any]) -> frozenset[Axis]:
    """The axes on which something was asked for.

    Raises:
        ValueError: the kind is not one that this version knows.
    """
    parts = {axis for axis in (Axis.EVENTS, Axis.RECORDINGS) if fields.get(f"delete_{axis.value}")}
    return frozenset({primary_axis_of(fields), *parts})


def axes(operation: Operation) -> frozenset[Axis]:
    """The axes on which something was asked for."""
    return axes_of(to_dict(operation))


def to_dict(operation: Operation) -> dict[str, Any]:
    """The operation as the plan holds it: its kind and every parameter."""
    builtins: dict[str, Any] = msgspec.to_builtins(operation)
    return builtins


def from_dict(fields: dict[str, Any]) -> Operation:
    """The operation that `to_dict` wrote.

    Raises:
        ValueError: the kind or a parameter is not one that this version knows.
    """
    try:
        operation: Operation = msgspec.convert(fields, Operation, strict=True)
    except msgspec.ValidationError as problem:
        raise ValueError(f"the operation {fields.get('kind')!r} is not one of this version: {problem}") from None
    return operation


def wanted(operation: Operation) -> DesiredProperties | None:
    """What the operation makes of a person's properties; None where it leaves them alone."""
    match operation:
        case UpdateProperties():
            return DesiredProperties(values=dict(operation.properties))
        case UnsetProperties():
            return DesiredProperties(absent=tuple(operation.keys))
        case _:
            return None


def for_journal(fields: dict[str, Any]) -> dict[str, Any]:
    """What of an operation, as a plan holds it, may be in a journal: keys of properties, never values (promise 27)."""
    if "properties" not in fields:
        return fields
    told = {name: value for name, value in fields.items() if name != "properties"}
    return {**told, "keys": list(fields["properties"])}


def describe(fields: dict[str, Any]) -> str:
    """An operation, as plan or journal hold it, in words for people; without values."""
    match fields.get("kind"):
        case "delete":
            extras = [f"their {what}" for what in ("events", "recordings") if fields.get(f"delete_{what}")]
            words = ["delete persons", *extras]
            return " and ".join(words) if len(words) < 3 else f"{words[0]}, {' and '.join(extras)}"
        case "delete-events":
            return "delete the events of persons"
        case "delete-recordings":
            return "delete the recordings of persons"
        case "update":
            return f"set {_named(fields.get('keys') or list(fields.get('properties', ())))} of persons"
        case "unset":
            return f"unset {_named(fields.get('keys') or [])} of persons"
        case kind:
            return str(kind)


def _named(keys: list[str] | tuple[str, ...]) -> str:
    return f"the {'property' if len(keys) == 1 else 'properties'} {', '.join(map(str, keys))}"


def _check_route(route: str) -> None:
    if route not in ROUTES:
        raise InputError(f"the route {route!r} is none of {', '.join(ROUTES)}")
