"""The selections: values that say which persons an operation affects. Nothing is read here.

A selection has two descriptions. `summary` is for journal and report, and holds no value, no identifier and no file
name (guarantee 27). `details` is for the plan, and may hold them.
"""

from collections.abc import Iterable, Mapping, Sequence
from io import TextIOBase
from pathlib import Path
from typing import Any, BinaryIO
from uuid import UUID

import msgspec

from asyncclient import PropertyFilter
from bulk.errors import InputError
from bulk.selection.conditions.filter_checks import check_filters, filter_details, filter_summary
from bulk.selection.conditions.query_selections import ByActivity, ByQuery, activity_words
from bulk.selection.inputs.request_rows import RequestRules
from bulk.selection.lookups.email_match import Comparison, EmailMatch
from bulk.selection.values.row_selection import ByRows

Source = str | Path | BinaryIO | Iterable[str] | Iterable[UUID] | Iterable[Mapping[str, Any]]
"""A path, a binary stream, or an iterable of strings, UUIDs or mappings. A plain string is a path."""


class _InputSelection(msgspec.Struct, frozen=True):
    source: Source

    def __post_init__(self) -> None:
        _check_source(self.source)


class ByDistinctIds(_InputSelection, frozen=True, kw_only=True):
    """Selects the persons that have these distinct IDs.

    Arguments:
        source: the distinct IDs.
        column: the CSV column that holds them; None where the source has one per line.
        allow_shared_ids: also accept placeholder IDs such as `undefined`.
    """

    column: str | None = None
    allow_shared_ids: bool = False

    def summary(self) -> dict[str, Any]:
        """Return the description for journal and report."""
        return {**_input_summary("distinct_ids", self), "allow_shared_ids": self.allow_shared_ids}

    def details(self) -> dict[str, Any]:
        """Return the description for the plan."""
        return {**self.summary(), **_input_details(self)}


class ByPersonIds(_InputSelection, frozen=True, kw_only=True):
    """Selects the persons with these UUIDs.

    Arguments:
        source: the UUIDs.
        column: the CSV column that holds them; None where the source has one per line.
    """

    column: str | None = None

    def summary(self) -> dict[str, Any]:
        """Return the description for journal and report."""
        return _input_summary("person_ids", self)

    def details(self) -> dict[str, Any]:
        """Return the description for the plan."""
        return {**self.summary(), **_input_details(self)}


class ByEmails(_InputSelection, frozen=True, kw_only=True):
    """Selects the persons whose `email` property equals one of these, or another property that holds an email.

    Arguments:
        source: the emails.
        column: the CSV column that holds them; None where the source has one per line.
        match: `exact`, or `ignore-case`, where upper and lower case are the same.
        keys: the properties that hold an email; `distinct_id` stands for the distinct IDs of the person, which are
            always compared exactly.

    Raises:
        InputError: the match is unknown, or a key is empty or repeated.
    """

    column: str | None = None
    match: Comparison = "exact"
    keys: Sequence[str] = ("email",)

    def __post_init__(self) -> None:
        _check_source(self.source)
        self.comparison  # noqa: B018 - checks both

    @property
    def comparison(self) -> EmailMatch:
        """How emails are compared."""
        return _email_match_of(self.match, self.keys)

    def summary(self) -> dict[str, Any]:
        """Return the description for journal and report."""
        # left out where it is the default, so that plans of earlier versions stay the same selection
        wider = {} if self.comparison.is_default else {"match": self.match, "keys": list(self.keys)}
        return {**_input_summary("emails", self), **wider}

    def details(self) -> dict[str, Any]:
        """Return the description for the plan."""
        return {**self.summary(), **_input_details(self)}


class ByRequests(_InputSelection, frozen=True, kw_only=True):
    """Selects the persons of erasure requests: rows with `distinct_id`, `email` or `uuid`, `reference` and `received`.

    Each row has one of the three IDs; different rows may have different ones. `received` is a day or a time in
    ISO 8601; a row without one, or with another text, is refused.

    Arguments:
        source: a CSV file with these columns, or mappings with these keys.
        allow_shared_ids: also accept placeholder IDs such as `undefined`.
        match: how emails are compared, as in `ByEmails`.
        keys: the properties that hold an email, as in `ByEmails`.
        reference: the reference of rows that have none.
        received: the day of receipt of rows that have none, ISO 8601.

    Raises:
        InputError: the match is unknown, or a key is empty or repeated.
    """

    allow_shared_ids: bool = False
    match: Comparison = "exact"
    keys: Sequence[str] = ("email",)
    reference: str | None = None
    received: str | None = None

    def __post_init__(self) -> None:
        _check_source(self.source)
        self.comparison  # noqa: B018 - checks both

    @property
    def comparison(self) -> EmailMatch:
        """How emails are compared."""
        return _email_match_of(self.match, self.keys)

    @property
    def rules(self) -> RequestRules:
        """How rows are read."""
        return RequestRules(allow_shared_ids=self.allow_shared_ids, reference=self.reference, received=self.received)

    def summary(self) -> dict[str, Any]:
        """Return the description for journal and report."""
        layout = "values" if _input_kind(self.source) == "values" else "csv"
        wider = {} if self.comparison.is_default else {"match": self.match, "keys": list(self.keys)}
        kind = {"kind": "requests", "input": _input_kind(self.source), "layout": layout}
        return {**kind, "allow_shared_ids": self.allow_shared_ids, **wider}

    def details(self) -> dict[str, Any]:
        """Return the description for the plan."""
        return {**self.summary(), "file": _file_name(self.source)}


class ByFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Selects the persons that match all of these filters.

    Arguments:
        properties: filters; a cohort is `PropertyFilter("id", NUMBER, type="cohort")`.
        email: the exact value of the `email` property.
        everyone: without a filter, select every person of the project; with one, do not refuse the selection if it
            turns out to be every person.
    """

    properties: Sequence[PropertyFilter] = ()
    email: str | None = None
    everyone: bool = False

    def __post_init__(self) -> None:
        check_filters(self.properties, self.email)

    @property
    def is_empty(self) -> bool:
        """Whether there is no filter and `everyone` is false."""
        return self.is_unfiltered and not self.everyone

    @property
    def is_unfiltered(self) -> bool:
        """Whether there is no filter, so that every person is selected."""
        return not self.properties and self.email is None

    def summary(self) -> dict[str, Any]:
        """Return the description for journal and report."""
        return {"kind": "filter", **filter_summary(self.properties, self.email), "everyone": self.everyone}

    def details(self) -> dict[str, Any]:
        """Return the description for the plan."""
        return {**self.summary(), **filter_details(self.properties, self.email)}


InputSelection = ByDistinctIds | ByPersonIds | ByEmails | ByRequests | ByRows
QuerySelection = ByActivity | ByQuery
Selection = InputSelection | ByFilter | QuerySelection


def check_selection(selection: object) -> None:
    """Raise InputError for a value that is not a selection, such as the filters themselves."""
    if not isinstance(selection, Selection):
        raise InputError(
            f"the selection has type {type(selection).__name__}: give one of the By... classes, as in "
            'ByFilter(properties=[PropertyFilter("plan", "free")]) or ByDistinctIds("leavers.txt")'
        )


_HIDDEN = "(value in the plan)"


def describe(selection: dict[str, Any]) -> str:
    """Return a selection in words.

    Arguments:
        selection: its summary, or its details where values may be shown.
    """
    match selection.get("kind"):
        case "distinct_ids":
            return _listed(selection, "distinct ID") + (
                ", including placeholder IDs" * bool(selection.get("allow_shared_ids"))
            )
        case "person_ids":
            return _listed(selection, "UUID")
        case "emails":
            return _listed(selection, "email") + _email_match(selection)
        case "requests":
            file = selection.get("file")
            listed = f"persons of the requests in {file}" if isinstance(file, str) else "persons of requests"
            return listed + _email_match(selection)
        case "rows":
            by = {"distinct_id": "distinct ID", "uuid": "UUID"}.get(str(selection.get("by")), "email")
            return _listed(selection, by) + ", each with its own values"
        case "before_image":
            return "persons of a before-image that still have the values that its job set"
        case "filter" if not selection.get("filters") and not selection.get("email"):
            return "every person of the project"
        case "filter":
            return _filtered(selection, "persons")
        case "activity":
            return _filtered(selection, activity_words(selection))
        case "query":
            activity = selection.get("activity")
            base = activity_words(activity) if isinstance(activity, dict) else "persons"
            return f"{_filtered(selection, base)} that a HogQL query returns"
    return "persons"


def _listed(selection: dict[str, Any], by: str) -> str:
    file = selection.get("file")
    return f"persons listed in {file} (by {by})" if isinstance(file, str) else f"persons listed by {by}"


def _email_match(selection: dict[str, Any]) -> str:
    keys = selection.get("keys")
    under = f" in {' or '.join(map(str, keys))}" if isinstance(keys, list) and keys != ["email"] else ""
    return under + (", in upper or lower case" if selection.get("match") == "ignore-case" else "")


def _filtered(selection: dict[str, Any], base: str) -> str:
    email = selection.get("email")
    cohorts, conditions = [], [f"email exact {email if isinstance(email, str) else _HIDDEN}"] if email else []
    for condition in selection.get("filters", ()):
        key, operator = condition.get("key"), str(condition.get("operator"))
        if condition.get("type") == "cohort":
            cohorts.append(f"in cohort {condition['value']}" if "value" in condition else "in a cohort")
        elif operator in ("is_set", "is_not_set"):
            conditions.append(f"{key} {operator}")
        else:
            conditions.append(
                f"{key} {operator} {_value_words(condition['value']) if 'value' in condition else _HIDDEN}"
            )
    where = [f"where {' and '.join(conditions)}"] if conditions else []
    return " ".join([base, *([" and ".join(cohorts)] if cohorts else []), *where])


def _value_words(value: object) -> str:
    return " or ".join(str(each) for each in value) if isinstance(value, list | tuple) else str(value)


def _email_match_of(match: Comparison, keys: Sequence[str]) -> EmailMatch:
    if isinstance(keys, str | bytes) or not all(isinstance(key, str) for key in keys):
        raise InputError("the keys of emails are a list of strings, such as ['email', 'distinct_id']")
    return EmailMatch(comparison=match, keys=tuple(keys))


def _check_source(source: object) -> None:
    """Raise InputError for a source that is neither a path, nor a binary stream, nor an iterable of values."""
    if isinstance(source, TextIOBase):
        raise InputError("the source is a text stream: open the file in binary mode, or give its path")
    if isinstance(source, bytes | bytearray) or not (
        isinstance(source, str | Path | Iterable) or hasattr(source, "read")
    ):
        raise InputError(
            f"the source has type {type(source).__name__}: give a path, a binary stream, or an iterable of strings"
        )


def _input_summary(kind: str, selection: ByDistinctIds | ByPersonIds | ByEmails) -> dict[str, Any]:
    layout = "lines" if selection.column is None else "csv"
    return {"kind": kind, "input": _input_kind(selection.source), "layout": layout}


def _input_details(selection: ByDistinctIds | ByPersonIds | ByEmails) -> dict[str, Any]:
    return {"file": _file_name(selection.source), "column": selection.column}


def _file_name(source: Source) -> str | None:
    return Path(source).name if isinstance(source, str | Path) else None


def _input_kind(source: Source) -> str:
    if isinstance(source, str | Path):
        return "file"
    return "stream" if hasattr(source, "read") else "values"
