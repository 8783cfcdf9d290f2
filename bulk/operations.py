"""The five operations: what a job does to each of its targets. Plain values that plan and journal hold.

`posthog.calls` turns an operation into API calls.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Protocol, get_args

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


class _ChangesProperties(_Operation, frozen=True, kw_only=True):
    """What all operations on properties have.

    Arguments:
        route: "rest", one call per person; "capture", one event per person in large batches; "auto", the faster one.
        keep_before: a new file for the before-image: the properties that each person had directly before its change,
            from which the change can be reverted; None to keep none.
    """

    route: RouteChoice = "auto"
    keep_before: str | None = None

    def __post_init__(self) -> None:
        if self.route not in ROUTES:
            raise InputError(f"unknown route {self.route!r}; use one of {', '.join(ROUTES)}")
        if self.keep_before is not None:  # the plan names the file, and may be run in another folder
            msgspec.structs.force_setattr(self, "keep_before", str(Path(self.keep_before).absolute()))


class _SetsProperties(_ChangesProperties, frozen=True, kw_only=True):
    """What the operations that set properties have.

    Arguments:
        once: set only those that the person does not have, as `$set_once` does; through capture alone.
    """

    once: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.once and self.route == "rest":
            raise InputError("the persons API always sets: --once needs --route capture, which sends $set_once")
        if self.once:
            msgspec.structs.force_setattr(self, "route", "capture")


class Rows(Protocol):
    """Rows of values, as `UpdateProperties.per_person` takes them: `bulk.open_rows` returns some."""

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys of the properties that any row sets or removes."""

    @property
    def unset_keys(self) -> tuple[str, ...]:
        """The keys of the properties that a row may remove."""


class UpdateProperties(_SetsProperties, frozen=True, tag="update"):
    """Set properties of each person; its other properties stay (contract 6.3, 12).

    Arguments:
        properties: JSON values by key; None sets null.
        once: set only those that the person does not have, as `$set_once` does; through capture alone.
        route: "rest", one call per person; "capture", one event per person in large batches; "auto", the faster one.
        keep_before: a new file for the before-image; None to keep none.

    Raises:
        InputError: no property is given, or one that the server cannot store; or `once` by REST.
    """

    properties: Mapping[str, Any]

    def __post_init__(self) -> None:
        super().__post_init__()
        msgspec.structs.force_setattr(self, "properties", checked_properties(self.properties))

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys of the properties to set."""
        return tuple(self.properties)

    @staticmethod
    def per_person(
        rows: Rows, *, once: bool = False, route: RouteChoice = "auto", keep_before: str | None = None
    ) -> "UpdatePerPerson":
        """Return the operation that sets for each person the properties of its own row.

        Arguments:
            rows: from `bulk.open_rows`; they are also the selection: `make_plan(client, per_person(rows), rows, path)`.
            once, route, keep_before: as above.

        Raises:
            InputError: `once` by REST, or with rows that remove properties.
        """
        return UpdatePerPerson(
            keys=rows.keys, unset_keys=rows.unset_keys, once=once, route=route, keep_before=keep_before
        )

    def __repr__(self) -> str:  # values can identify persons
        return f"UpdateProperties(keys={self.keys!r}, route={self.route!r})"


class UpdatePerPerson(_SetsProperties, frozen=True, tag="update-per-person"):
    """Set properties of each person to values of its own, which the plan holds with the person (contract 6.3, 12).

    Arguments:
        keys: the properties that any person gets or loses.
        unset_keys: those of them that a person may lose.
        once: as in `UpdateProperties`.
        route: as in `UpdateProperties`; by REST, what a person loses takes one call more, or one per property on an
            older server.
        keep_before: a new file for the before-image; None to keep none.

    Raises:
        InputError: no key is given, or one that the server cannot store; or `once` by REST, or with `unset_keys`.
    """

    keys: Sequence[str]
    unset_keys: Sequence[str] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        msgspec.structs.force_setattr(self, "keys", checked_keys(self.keys))
        msgspec.structs.force_setattr(self, "unset_keys", tuple(self.unset_keys))
        if self.once and self.unset_keys:
            raise InputError("--once sets properties that a person lacks: it cannot be combined with removing some")


class UnsetProperties(_ChangesProperties, frozen=True, tag="unset"):
    """Remove properties from each person (contract 6.8, 12).

    Arguments:
        keys: the properties to remove.
        route: "rest", one call per person, or one per person and key on an older server; "capture", one event per
            person in large batches; or "auto".
        keep_before: a new file for the before-image; None to keep none.

    Raises:
        InputError: no key is given, or one that the server cannot store.
    """

    keys: Sequence[str]

    def __post_init__(self) -> None:
        super().__post_init__()
        msgspec.structs.force_setattr(self, "keys", checked_keys(self.keys))


Operation = DeletePersons | DeleteEvents | DeleteRecordings | UpdateProperties | UpdatePerPerson | UnsetProperties
PropertyOperation = UpdateProperties | UpdatePerPerson | UnsetProperties

_PRIMARY_AXES = {
    "delete": Axis.PERSON,
    "delete-events": Axis.EVENTS,
    "delete-recordings": Axis.RECORDINGS,
    "update": Axis.PROPERTIES,
    "update-per-person": Axis.PROPERTIES,
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
    """Return the operation as the plan holds it: its kind and its parameters.

    A parameter that came with a later version is left out where it has its default, so that plans of earlier versions
    are for the same operation.
    """
    builtins: dict[str, Any] = msgspec.to_builtins(operation)
    return {name: value for name, value in builtins.items() if name not in _LATER or value not in _DEFAULTS}


_LATER = frozenset({"once", "keep_before", "unset_keys"})
_DEFAULTS: tuple[Any, ...] = (False, None, (), [])


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
    """Return the properties that each person has after the operation; None if that depends on the person."""
    match operation:
        case UpdateProperties(once=True):
            return DesiredProperties(once=dict(operation.properties))
        case UpdateProperties():
            return DesiredProperties(values=dict(operation.properties))
        case UnsetProperties():
            return DesiredProperties(absent=tuple(operation.keys))
        case _:
            return None


def without_values(fields: dict[str, Any]) -> dict[str, Any]:
    """Return an operation, as a plan holds it, with the keys of its properties, without values and file names.

    Journals and reports hold it in this form (guarantee 27).
    """
    if fields.get("keep_before") is not None:
        fields = {**fields, "keep_before": True}
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
            once = " where they have none" if fields.get("once") else ""
            return f"set {_named(fields.get('keys') or list(fields.get('properties', ())))} of persons{once}"
        case "update-per-person":
            once = " where they have none" if fields.get("once") else ""
            verb = "set or remove" if fields.get("unset_keys") else "set"
            return f"{verb} {_named(fields.get('keys') or [])} of persons{once} (values per person)"
        case "unset":
            return f"unset {_named(fields.get('keys') or [])} of persons"
        case kind:
            return str(kind)


def _named(keys: list[str] | tuple[str, ...]) -> str:
    names = list(map(str, keys))
    listed = " and ".join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else "".join(names)
    return f"the {'property' if len(names) == 1 else 'properties'} {listed}"
