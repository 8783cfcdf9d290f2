"""The selections that a query of the server resolves: by fields and activity, or by a query of the user's own.

Nothing is read here. A query gets its values separately, so no value becomes part of its text (contract 12).
"""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from math import isfinite
from typing import Any

import msgspec

from asyncclient import PropertyFilter
from bulk.errors import InputError
from bulk.formatting import count_of, format_time
from bulk.selection.conditions.filter_checks import check_filters, filter_details, filter_summary
from bulk.selection.conditions.moments import Moment, Since, format_since, parse_moment, parse_since, resolve_since
from bulk.selection.conditions.query_text import bare_query

QUERY_BYTES = 100_000
PAGE_VALUE = "posthog_bulk_after"
"""The name of the value that pages a query; a query of the user's own cannot have it."""
AMONG_VALUE = "posthog_bulk_among"
"""The name of the value that narrows a query to a list of IDs; likewise."""


class ByActivity(msgspec.Struct, frozen=True, kw_only=True):
    """Selects the persons that meet all of these conditions; needs the scope query:read.

    Arguments:
        created_before: created before this moment; a date is its beginning, in UTC.
        created_after: created at this moment or later.
        identified: True selects identified persons only, False anonymous ones only.
        inactive_since: without any event at or after this moment; `90d` counts from the beginning of that day, in UTC.
        properties: filters that the persons match as well, as for `ByFilter`.
        email: the exact value of the `email` property.
        everyone: do not refuse the selection if it turns out to be every person of the project.
    """

    created_before: Moment | None = None
    created_after: Moment | None = None
    identified: bool | None = None
    inactive_since: Since | None = None
    properties: Sequence[PropertyFilter] = ()
    email: str | None = None
    everyone: bool = False

    def __post_init__(self) -> None:
        moments = self.moments()
        if not moments and self.identified is None:
            raise InputError(
                "ByActivity has no condition: give created_before, created_after, identified or inactive_since"
            )
        if self.identified not in (None, True, False):
            raise InputError("identified takes True, False or None")
        before, after = moments.get("created_before"), moments.get("created_after")
        if isinstance(before, datetime) and isinstance(after, datetime) and before <= after:
            raise InputError(
                "created_before (--created-before) must be later than created_after (--created-after): exchange them"
            )
        check_filters(self.properties, self.email)

    def moments(self) -> dict[str, Any]:
        """Return the moments given by condition: times in UTC, or a number of days."""
        given = {
            "created_before": None
            if self.created_before is None
            else parse_moment(self.created_before, "created_before"),
            "created_after": None if self.created_after is None else parse_moment(self.created_after, "created_after"),
            "inactive_since": None
            if self.inactive_since is None
            else parse_since(self.inactive_since, "inactive_since"),
        }
        return {name: moment for name, moment in given.items() if moment is not None}

    def query(self, *, among: bool = False) -> str:
        """Return the query for one page of the persons' UUIDs, with the names of its values in braces.

        Arguments:
            among: keep only UUIDs in the list that `AMONG_VALUE` names.
        """
        conditions = {
            "created_before": "created_at < fromUnixTimestamp({created_before})",
            "created_after": "created_at >= fromUnixTimestamp({created_after})",
            "inactive_since": "id NOT IN (SELECT person_id FROM events "
            "WHERE timestamp >= fromUnixTimestamp({inactive_since}))",
        }
        texts = [conditions[name] for name in self.moments()]
        if self.identified is not None:
            texts.append("is_identified = {identified}")
        where = " AND ".join((*texts, _page("toString(id)", among=among)))
        return f"SELECT toString(id) FROM persons WHERE {where} ORDER BY toString(id)"  # noqa: S608

    def query_values(self, now: datetime) -> dict[str, Any]:
        """Return the values of the query.

        Arguments:
            now: the time now, by the server's clock.

        Raises:
            InputError: `inactive_since` is in the future, so that every person would count as inactive.
        """
        values: dict[str, Any] = {}
        for name, moment in self.moments().items():
            resolved = resolve_since(moment, now)
            if name == "inactive_since" and resolved > now:
                raise InputError("inactive_since (--inactive-since) is in the future: give a date in the past")
            values[name] = int(resolved.timestamp())
        return values if self.identified is None else {**values, "identified": self.identified}

    def summary(self) -> dict[str, Any]:
        """Return the description for journal and report."""
        conditions = sorted(self.moments())
        return {
            "kind": "activity",
            "conditions": conditions,
            "identified": self.identified,
            **filter_summary(self.properties, self.email),
            "everyone": self.everyone,
        }

    def details(self) -> dict[str, Any]:
        """Return the description for the plan, with the query."""
        return {
            **self.summary(),
            **filter_details(self.properties, self.email),
            "moments": {name: format_since(moment) for name, moment in self.moments().items()},
            "query": self.query(),
        }


class ByQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Selects the persons that a HogQL query of your own names; needs the scope query:read.

    Arguments:
        query: a SELECT of one column, which is named `person_id` (or `id`) or `distinct_id`.
        values: the values of its placeholders `{name}`; never write untrusted text into the query itself.
        activity: conditions that the persons meet as well, without filters.
        properties: filters that the persons match as well, as for `ByFilter`.
        email: the exact value of the `email` property.
        allow_shared_ids: also accept placeholder IDs such as `undefined` among distinct IDs.
        everyone: do not refuse the selection if it turns out to be every person of the project.
    """

    query: str
    values: Mapping[str, Any] = {}
    activity: ByActivity | None = None
    properties: Sequence[PropertyFilter] = ()
    email: str | None = None
    allow_shared_ids: bool = False
    everyone: bool = False

    def __post_init__(self) -> None:
        try:
            size = len(self.query.encode()) if isinstance(self.query, str) else 0
        except UnicodeEncodeError:
            raise InputError("the query is not valid text: write it as UTF-8") from None
        if size > QUERY_BYTES:
            raise InputError(f"the query has {size:,} bytes, at most {QUERY_BYTES:,} can be used")
        if not size or not self.text:
            raise InputError("the query is empty: write a SELECT of one column, person_id or distinct_id")
        if not re.match(r"(?:\s|\(|--[^\n]*\n|/\*.*?\*/)*(?:select|with)\b", self.text, re.IGNORECASE | re.DOTALL):
            raise InputError("the query is not a SELECT: write a SELECT of one column, person_id or distinct_id")
        taken = (PAGE_VALUE, AMONG_VALUE)
        if not isinstance(self.values, Mapping) or any(name in self.values for name in taken):
            raise InputError(f"values takes a mapping of names to values, without the names {' and '.join(taken)}")
        if not all(isinstance(name, str) and _is_value(value) for name, value in self.values.items()):
            raise InputError("values takes strings, numbers, booleans, None and lists of those, by name")
        if self.activity is not None and (self.activity.properties or self.activity.email is not None):
            raise InputError("the activity of a query takes no filters: give properties and email to ByQuery itself")
        check_filters(self.properties, self.email)

    @property
    def text(self) -> str:
        """The query without blanks around it, and without comments and semicolons at its end."""
        return bare_query(self.query)

    def page_query(self, column: str, *, among: bool = False) -> str:
        """Return the query for one page of the IDs that the query names, without the query's values.

        Arguments:
            column: the name of its column.
            among: keep only IDs in the list that `AMONG_VALUE` names.
        """
        text = f"toString({column})"
        return (
            f"SELECT DISTINCT {text} FROM (\n{self.text}\n) "  # noqa: S608 - a query of the user's own
            f"WHERE {_page(text, among=among)} ORDER BY {text}"
        )

    def summary(self) -> dict[str, Any]:
        """Return the description for journal and report."""
        return {
            "kind": "query",
            "activity": None if self.activity is None else self.activity.summary(),
            **filter_summary(self.properties, self.email),
            "allow_shared_ids": self.allow_shared_ids,
            "everyone": self.everyone,
        }

    def details(self) -> dict[str, Any]:
        """Return the description for the plan, with the query."""
        return {
            **self.summary(),
            **filter_details(self.properties, self.email),
            "activity": None if self.activity is None else self.activity.details(),
            "query": self.text,
            "values": dict(self.values),
        }


def _page(text: str, *, among: bool) -> str:
    """Return the condition for one page of a column that is text, because ClickHouse orders UUIDs by their second half.

    Arguments:
        text: the column as text.
        among: keep only rows in the list that `AMONG_VALUE` names.
    """
    return f"{text} > {{{PAGE_VALUE}}}" + f" AND {text} IN {{{AMONG_VALUE}}}" * among


def _is_value(value: object) -> bool:
    if isinstance(value, list | tuple):
        return all(map(_is_value, value))
    return value is None or isinstance(value, str | int) or (isinstance(value, float) and isfinite(value))


def activity_words(selection: dict[str, Any]) -> str:
    """Return the conditions of `ByActivity` in words.

    Arguments:
        selection: its summary, or its details where values may be shown.
    """
    moments = selection.get("moments", {})
    parts = []
    for name, words in (("created_after", "created at or after"), ("created_before", "created before")):
        if name in selection.get("conditions", ()):
            parts.append(f"{words} {format_time(moments.get(name, _HIDDEN))}")
    if "inactive_since" in selection.get("conditions", ()):
        since = str(moments.get("inactive_since", _HIDDEN))
        if since.endswith("d"):
            parts.append(f"without an event in the {count_of(int(since.removesuffix('d')), 'day')} before the plan")
        else:
            parts.append(f"without an event since {format_time(since)}")
    kinds: dict[object, str] = {True: "identified persons", False: "anonymous persons"}
    return " ".join((kinds.get(selection.get("identified"), "persons"), " and ".join(parts))).strip()


_HIDDEN = "(value in the plan)"
