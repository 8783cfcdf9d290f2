"""The options that select persons by their fields and activity, or by a query. Sends nothing; reads a query's file."""

import os
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from bulk.cli.options.help_layout import option

if TYPE_CHECKING:
    from collections.abc import Sequence

    from asyncclient import PropertyFilter
    from bulk.selection.selections import QuerySelection

QUERY_OPTIONS = {
    "created_before": "--created-before",
    "created_after": "--created-after",
    "identified": "--identified",
    "anonymous": "--anonymous",
    "inactive_since": "--inactive-since",
    "hogql": "--hogql",
}
"""The options by the field that holds each."""

DECORATORS = (
    option("--created-before", metavar="DATE", help="Created before this day or time, in UTC"),
    option("--created-after", metavar="DATE", help="Created on or after this day or time, in UTC"),
    option("--identified", is_flag=True, help="Identified persons only"),
    option("--anonymous", is_flag=True, help="Anonymous persons only: those that are not identified"),
    option(
        "--inactive-since",
        metavar="DATE|DAYS",
        help="Without any event since this day or time, in UTC, or in the last N days, as in 90d",
    ),
    option(
        "--hogql",
        metavar="FILE|QUERY",
        help="Persons that a HogQL query returns in its only column, person_id or distinct_id, as in "
        "'SELECT person_id FROM events WHERE timestamp < toDateTime(1735689600)'",
    ),
)


class QueryArguments(msgspec.Struct, frozen=True, kw_only=True):
    """The options as given."""

    created_before: str | None = None
    created_after: str | None = None
    identified: bool = False
    anonymous: bool = False
    inactive_since: str | None = None
    hogql: str | None = None


def build_query_selection(
    arguments: QueryArguments,
    *,
    properties: "Sequence[PropertyFilter]",
    email: str | None,
    allow_shared_ids: bool,
    everyone: bool,
) -> "QuerySelection | None":
    """Return the selection that the options describe, or None if none of them is given.

    Arguments:
        arguments: the options.
        properties: filters that the persons match as well.
        email: the exact value of the property email, as well.
        allow_shared_ids: whether placeholder IDs are accepted.
        everyone: whether the selection may turn out to be every person.

    Raises:
        UsageError: two options contradict each other.
        InputError: a date or the query cannot be used.
        FileTrouble: the file of the query cannot be read.
    """
    from bulk.selection.conditions.query_selections import ByActivity, ByQuery

    if arguments.identified and arguments.anonymous:
        raise click.UsageError("--identified and --anonymous exclude each other: give one of them")
    fields: dict[str, Any] = {**_moments(arguments)}
    if arguments.identified or arguments.anonymous:
        fields["identified"] = arguments.identified
    if arguments.hogql is None:
        return ByActivity(**fields, properties=properties, email=email, everyone=everyone) if fields else None
    return ByQuery(
        query=_query_text(arguments.hogql),
        activity=ByActivity(**fields) if fields else None,
        properties=properties,
        email=email,
        allow_shared_ids=allow_shared_ids,
        everyone=everyone,
    )


def _moments(arguments: QueryArguments) -> dict[str, datetime | timedelta]:
    from bulk.selection.conditions.moments import parse_moment, parse_since

    found: dict[str, datetime | timedelta] = {}
    for name in ("created_before", "created_after"):
        if (given := getattr(arguments, name)) is not None:
            found[name] = parse_moment(given, QUERY_OPTIONS[name])
    if arguments.inactive_since is not None:
        found["inactive_since"] = parse_since(arguments.inactive_since, QUERY_OPTIONS["inactive_since"])
    return found


def _query_text(given: str) -> str:
    """Return the query, from its file if the argument is the name of one: a query has blanks, a name rarely."""
    from bulk.errors import FileTrouble, InputError
    from bulk.files.file_errors import as_file_trouble
    from bulk.files.private_files import check_regular

    path = Path(given)
    is_word = given.strip() and not any(character.isspace() for character in given.strip())
    if not is_word and not _is_file(path):
        return given
    if not os.path.lexists(path):
        raise FileTrouble(
            path,
            "is neither a file nor a query (--hogql)",
            "name a file that exists, or give a query, as in 'SELECT id AS person_id FROM persons WHERE ...'",
        )
    check_regular(path)
    with as_file_trouble(path, "cannot be read"):
        data = path.read_bytes()
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InputError(f"the query in {path} is not UTF-8: save the file as UTF-8") from None


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # a query is too long for a name, or has a NUL
        return False
