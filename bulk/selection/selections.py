"""Whom an operation is for: values that say how targets are found, not the targets themselves.

A selection describes itself twice: `summary` for journal and report, which hold no value, no identifier and
no file name (promise 27), and `details` for the plan, which may. Reads nothing; `planner` does.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, BinaryIO
from uuid import UUID

import msgspec

from asyncclient import PropertyFilter
from bulk.errors import InputError

Source = str | Path | BinaryIO | Iterable[str] | Iterable[UUID]
"""A path, a binary stream, or an iterable of strings or UUIDs. A plain string is a path."""


class _FromInput(msgspec.Struct, frozen=True):
    source: Source


class ByDistinctIds(_FromInput, frozen=True, kw_only=True):
    """The persons that carry these distinct ids.

    Args:
        source: where the distinct ids come from.
        column: the CSV column that holds them; None where the source has one a line.
        allow_shared_ids: take ids that stand for nobody in particular, such as `undefined`, too.
    """

    column: str | None = None
    allow_shared_ids: bool = False

    def summary(self) -> dict[str, Any]:
        """What journal and report say of it."""
        return {**_input_summary("distinct_ids", self), "allow_shared_ids": self.allow_shared_ids}

    def details(self) -> dict[str, Any]:
        """What the plan says of it."""
        return {**self.summary(), **_input_details(self)}


class ByPersonIds(_FromInput, frozen=True, kw_only=True):
    """The persons with these UUIDs.

    Args:
        source: where the UUIDs come from.
        column: the CSV column that holds them; None where the source has one a line.
    """

    column: str | None = None

    def summary(self) -> dict[str, Any]:
        """What journal and report say of it."""
        return _input_summary("person_ids", self)

    def details(self) -> dict[str, Any]:
        """What the plan says of it."""
        return {**self.summary(), **_input_details(self)}


class ByEmails(_FromInput, frozen=True, kw_only=True):
    """The persons whose `email` property is one of these, compared as the server compares: exactly.

    Args:
        source: where the emails come from.
        column: the CSV column that holds them; None where the source has one a line.
    """

    column: str | None = None

    def summary(self) -> dict[str, Any]:
        """What journal and report say of it."""
        return _input_summary("emails", self)

    def details(self) -> dict[str, Any]:
        """What the plan says of it."""
        return {**self.summary(), **_input_details(self)}


class ByFilter(msgspec.Struct, frozen=True, kw_only=True):
    """The persons that a listing with these filters finds; all filters must hold.

    Args:
        properties: filters; a cohort is `PropertyFilter("id", NUMBER, type="cohort")`.
        email: the exact value of the `email` property.
        everyone: without any filter, select every person of the project.
    """

    properties: Sequence[PropertyFilter] = ()
    email: str | None = None
    everyone: bool = False

    def __post_init__(self) -> None:
        if self.everyone and (self.properties or self.email is not None):
            raise InputError("everyone and a filter contradict each other: give one of them")
        _check_filters(self.properties)
        for one in self.properties:
            if one.type == "cohort" and one.operator not in ("exact", "in"):
                # a server that does not heed the operator would select the members
                raise InputError(f"a cohort is selected by its members: {one.operator} cannot be asked")
        if self.email is not None and any("\ud800" <= character <= "\udfff" for character in self.email):
            raise InputError("the email to select by is no text: half of a surrogate pair, or bytes that are not UTF-8")
        if self.email is not None and not self.email.strip():
            raise InputError("the email to select by is blank")

    @property
    def is_empty(self) -> bool:
        """Whether nothing narrows it and nobody said that everyone is meant."""
        return not (self.properties or self.email is not None or self.everyone)

    def summary(self) -> dict[str, Any]:
        """What journal and report say of it."""
        filters = [{"key": one.key, "operator": one.operator, "type": one.type} for one in self.properties]
        return {
            "kind": "filter",
            "filters": filters,
            "email": self.email is not None,
            "everyone": self.everyone,
        }

    def details(self) -> dict[str, Any]:
        """What the plan says of it."""
        filters = [
            {"key": one.key, "operator": one.operator, "type": one.type, "value": one.value} for one in self.properties
        ]
        return {**self.summary(), "filters": filters, "email": self.email}


def _check_filters(properties: object) -> None:
    if isinstance(properties, str | bytes) or not isinstance(properties, Sequence):
        raise InputError(f"properties takes a list of PropertyFilter, not a {type(properties).__name__}")
    for one in properties:
        if not isinstance(one, PropertyFilter):
            kind = type(one).__name__
            raise InputError(f"properties takes a list of PropertyFilter, and there is a {kind} in it")


FromInput = ByDistinctIds | ByPersonIds | ByEmails
Selection = FromInput | ByFilter


def describe(selection: dict[str, Any]) -> str:
    """A selection in words, for people: its summary, or its details where values may be shown."""
    match selection.get("kind"):
        case "distinct_ids":
            return _listed(selection, "distinct ID") + (
                ", placeholder IDs too" * bool(selection.get("allow_shared_ids"))
            )
        case "person_ids":
            return _listed(selection, "UUID")
        case "emails":
            return _listed(selection, "email")
        case "filter" if selection.get("everyone"):
            return "every person of the project"
        case "filter":
            return "persons where " + " and ".join(_filter_words(selection))
    return "persons"


def _listed(selection: dict[str, Any], by: str) -> str:
    file = selection.get("file")
    return f"persons listed in {file} (by {by})" if isinstance(file, str) else f"persons by {by}"


def _filter_words(selection: dict[str, Any]) -> list[str]:
    email = selection.get("email")
    words = [f"email exact {email if isinstance(email, str) else '...'}"] if email else []
    for one in selection.get("filters", ()):
        key, operator = one.get("key"), str(one.get("operator"))
        if one.get("type") == "cohort":
            words.append(f"in cohort {one['value']}" if "value" in one else "in a cohort")
        elif operator in ("is_set", "is_not_set"):
            words.append(f"{key} {operator}")
        else:
            words.append(f"{key} {operator} {_value_words(one['value']) if 'value' in one else '...'}")
    return words


def _value_words(value: object) -> str:
    return " or ".join(str(each) for each in value) if isinstance(value, list | tuple) else str(value)


def _input_summary(kind: str, selection: FromInput) -> dict[str, Any]:
    layout = "lines" if selection.column is None else "csv"
    return {"kind": kind, "input": _input_kind(selection.source), "layout": layout}


def _input_details(selection: FromInput) -> dict[str, Any]:
    source = selection.source
    name = Path(source).name if isinstance(source, str | Path) else None
    return {"file": name, "column": selection.column}


def _input_kind(source: Source) -> str:
    if isinstance(source, str | Path):
        return "file"
    return "stream" if hasattr(source, "read") else "values"
