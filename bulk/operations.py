"""The five operations: what a job does to each of its targets. Plain values that plan and journal hold.

`posthog.calls` turns an operation into API calls.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, get_args

import msgspec

from bulk.errors import InputError
from bulk.property_checks import DesiredProperties, checked_keys, checked_properties
from bulk.states import Axis

RouteChoice = Literal["auto", "rest", "capture"]
"""How properties are changed: by the persons API ("rest"), by events ("capture"), or by the faster of both ("auto")."""

ROUTES: tuple[RouteChoice, ...] = get_args(RouteChoice)


class _Operation(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind"):
    pass


class DeletePersons(_Operation, frozen=True, tag="delete"):
    """Delete each person, after the deletion of its events and recordings was queued if requested.

    Arguments:
        delete_events: first queue the deletion of the person's events (contract 6.5, 6.6).
        delete_recordings: first request the deletion of the person's recordings (contract 6.7).
    """

    delete_events: bool = False
    delete_recordings: bool = False


class DeleteEvents(_Operation, frozen=True, tag="delete-events"):
    """Queue the deletion of each person's events up to now; the person stays (contract 6.5, 6.6)."""


class DeleteRecordings(_Operation, frozen=True, tag="delete-recordings"):
    """Request the deletion of each person's recordings; the person stays (contract 6.5, 6.7)."""


class UpdateProperties(_Operation, frozen=True, tag="update"):
    """Set properties of each person; its other properties stay (contract 6.3, 12).

    Arguments:
        properties: JSON values by key; None sets null.
        route: "rest", one call per person; "capture", one event per person in large batches; "auto", the faster one.

    Raises:
        InputError: no property is given, or one that the server cannot store.
    """

    properties: Mapping[str, Any]
    route: RouteChoice = "auto"

    def __post_init__(self) -> None:
        msgspec.structs.force_setattr(self, "properties", checked_properties(self.properties))
        _check_route(self.route)

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys of the properties to set."""
        return tuple(self.properties)

    def __repr__(self) -> str:  # values can identify persons
        return f"UpdateProperties(keys={self.keys!r}, route={self.route!r})"


class UnsetProperties(_Operation, frozen=True, tag="unset"):
    """Remove properties from each person (contract 6.8, 12).

    Arguments:
        keys: the properties to remove.
        route: "rest", one call per person, or one per person and key on an older server; "capture", one event per
            person in large batches; or "auto".

    Raises:
        InputError: no key is given, or one that the server cannot store.
    """

    keys: Sequence[str]
    route: RouteChoice = "auto"

    def __post_init__(self) -> None:
        msgspec.structs.force_setattr(self, "keys", checked_keys(self.keys))
        _check_route(self.route)


Operation = DeletePersons | DeleteEvents | DeleteRecordings | UpdateProperties | UnsetProperties
PropertyOperation = UpdateProperties | UnsetProperties

_PRIMARY_AXES = {
    "delete": Axis.PERSON,
    "delete-events": Axis.EVENTS,
    "delete-recordings": Axis.RECORDINGS,
    "update": Axis.PROPERTIES,
    "unset": Axis.PROPERTIES,
}


def primary_axis_of(fields: dict[str, Any]) -> Axis:
    """Return the axis that an operation is about: the operation is done when this axis is.

    Arguments:
        fields: the operation, as plan and journal hold it.

    Raises:
        ValueError: this version does not know the kind.
    """
    kind = fields.get("kind")
    if kind not in _PRIMARY_AXES:
        raise ValueError(f"this version does not know the operation {kind!r}")
    return _PRIMARY_AXES[kind]


def axes_of(fields: dict[str, Any]) -> frozenset[Axis]:
    """Return the axes that an operation, as plan and journal hold it, changes.

    Raises:
        ValueError: this version does not know the kind.
    """
    parts = {axis for axis in (Axis.EVENTS, Axis.RECORDINGS) if fields.get(f"delete_{axis.value}")}
    return frozenset({primary_axis_of(fields), *parts})


def axes(operation: Operation) -> frozenset[Axis]:
    """Return the axes that an operation changes."""
    return axes_of(to_dict(operation))


def to_dict(operation: Operation) -> dict[str, Any]:
    """Return the operation as the plan holds it: its kind and every parameter."""
    builtins: dict[str, Any] = msgspec.to_builtins(operation)
    return builtins


def from_dict(fields: dict[str, Any]) -> Operation:
    """Return the operation that `to_dict` wrote.

    Raises:
        ValueError: this version does not know the kind or a parameter.
    """
    try:
        operation: Operation = msgspec.convert(fields, Operation, strict=True)
    except msgspec.ValidationError as problem:
        raise ValueError(f"this version does not know the operation {fields.get('kind')!r}: {problem}") from None
    return operation


def desired_properties(operation: Operation) -> DesiredProperties | None:
    """Return the properties that each person has after the operation; None if it changes no properties."""
    match operation:
        case UpdateProperties():
            return DesiredProperties(values=dict(operation.properties))
        case UnsetProperties():
            return DesiredProperties(absent=tuple(operation.keys))
        case _:
            return None


def without_values(fields: dict[str, Any]) -> dict[str, Any]:
    """Return an operation, as a plan holds it, with the keys of its properties but without values (guarantee 27)."""
    if "properties" not in fields:
        return fields
    others = {name: value for name, value in fields.items() if name != "properties"}
    return {**others, "keys": list(fields["properties"])}


def describe(fields: dict[str, Any]) -> str:
    """Return an operation, as plan or journal hold it, in words for people; without values of properties."""
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
    names = list(map(str, keys))
    listed = " and ".join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else "".join(names)
    return f"the {'property' if len(names) == 1 else 'properties'} {listed}"


def _check_route(route: str) -> None:
    if route not in ROUTES:
        raise InputError(f"unknown route {route!r}; use one of {', '.join(ROUTES)}")
