"""The options that select persons, and the selection built from them. Sends nothing and reads no input file."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, TypeVar, cast

import click

from bulk.cli.options.connection_options import gather_options
from bulk.cli.options.help_layout import WholeNumber, option
from bulk.cli.options.query_options import DECORATORS, QUERY_OPTIONS, QueryArguments, build_query_selection

if TYPE_CHECKING:
    from bulk.selection.lookups.email_match import Comparison
    from bulk.selection.selections import Selection

F = TypeVar("F", bound=Callable[..., Any])

STDIN = "-"
NOTHING_SELECTED = (
    "no persons are selected: give --distinct-ids, --where or another selection option, "
    "or --everyone for all persons of the project"
)
_FILTERS = '\'[{"key": "plan", "value": "free", "operator": "exact"}]\''
_EVERYONE = "All persons of the project. With conditions: also accept conditions that match every person"
_FILE_OPTIONS = {
    "distinct_ids": "--distinct-ids",
    "uuids": "--uuids",
    "emails": "--emails",
    "requests": "--requests",
}
_FILTER_OPTIONS = {"where": "--where", "email": "--email", "properties": "--properties", "cohort": "--cohort"}


class SelectionArguments(QueryArguments, frozen=True, kw_only=True):
    """The selection options as given."""

    distinct_ids: str | None = None
    uuids: str | None = None
    emails: str | None = None
    requests: str | None = None
    email_match: str | None = None
    email_keys: str | None = None
    column: str | None = None
    allow_shared_ids: bool = False
    where: tuple[str, ...] = ()
    email: str | None = None
    properties: str | None = None
    cohort: int | None = None
    everyone: bool = False

    @property
    def given(self) -> list[str]:
        """The options given that select persons by themselves."""
        options = {**_FILE_OPTIONS, **_FILTER_OPTIONS, **QUERY_OPTIONS, "everyone": "--everyone"}
        return [option for field, option in options.items() if getattr(self, field) not in (None, (), False)]

    @property
    def files(self) -> list[Path]:
        """The input files given; standard input is not one of them."""
        return [Path(name) for field in _FILE_OPTIONS if (name := getattr(self, field)) not in (None, STDIN)]


def selection_options(command: F) -> F:
    """Add the options that select persons; the command gets them as `selection_arguments`."""
    return gather_options(
        command,
        "selection_arguments",
        SelectionArguments,
        option(
            "--distinct-ids",
            metavar="FILE|-",
            help="File with one distinct ID per line, or exported persons; - reads stdin",
        ),
        option("--uuids", metavar="FILE|-", help="File with one person UUID per line"),
        option("--emails", metavar="FILE|-", help="File with one value of the property email per line"),
        option(
            "--requests",
            metavar="FILE|-",
            help="CSV file of erasure requests. Each row has one ID, in the column distinct_id, email or uuid, and the "
            "columns reference and received (a day, as in 2026-11-29)",
        ),
        option(
            "--email-match",
            type=click.Choice(["exact", "ignore-case"]),
            help="ignore-case: --emails and --requests treat upper and lower case alike (default: exact)",
        ),
        option(
            "--email-keys",
            metavar="KEY,...",
            help="Properties in which --emails looks, as in email,Email,$email,distinct_id; distinct_id stands for the "
            "distinct IDs of a person (default: email)",
        ),
        option("--column", metavar="NAME", help="Column that holds the IDs; the file is CSV with a header"),
        option("--allow-shared-ids", is_flag=True, help='Also accept placeholder IDs such as "undefined"'),
        option(
            "--where",
            multiple=True,
            metavar="'KEY OPERATOR VALUE'",
            help="Condition on a property, as in 'plan exact free'; repeat it to narrow the selection. Operators: "
            "exact, is_not, icontains, not_icontains, starts_with, not_starts_with, ends_with, not_ends_with, regex, "
            "not_regex, gt, gte, lt, lte, in, not_in, is_set, is_not_set, is_date_exact, is_date_before, is_date_after",
        ),
        option("--email", metavar="EMAIL", help="Exact value of the property email"),
        option("--properties", metavar="JSON", help=f"JSON array of PostHog property filters, as in {_FILTERS}"),
        option("--cohort", type=WholeNumber(1, is_count=False), metavar="ID", help="Members of this cohort"),
        *DECORATORS,
        option("--everyone", is_flag=True, help=_EVERYONE),
        section="Selection",
    )


def build_selection(arguments: SelectionArguments, *, writes: bool) -> "Selection":
    """Return the selection that the options describe.

    Arguments:
        arguments: the options.
        writes: whether the command changes something; it then needs at least one option that selects persons.

    Raises:
        UsageError: the options contradict each other, or an option that is needed is missing.
        WhereError, InputError: a condition cannot be read.
        FileTrouble: the file of a query cannot be read.
    """
    from bulk.selection.selections import ByDistinctIds, ByEmails, ByFilter, ByPersonIds, ByRequests

    _check(arguments, writes=writes)
    if arguments.distinct_ids is not None:
        return ByDistinctIds(
            input_source(arguments.distinct_ids), column=arguments.column, allow_shared_ids=arguments.allow_shared_ids
        )
    if arguments.uuids is not None:
        return ByPersonIds(input_source(arguments.uuids), column=arguments.column)
    if arguments.emails is not None:
        return ByEmails(
            input_source(arguments.emails),
            column=arguments.column,
            match=cast("Comparison", arguments.email_match or "exact"),
            keys=_keys("email" if arguments.email_keys is None else arguments.email_keys),
        )
    if arguments.requests is not None:
        return ByRequests(
            input_source(arguments.requests),
            allow_shared_ids=arguments.allow_shared_ids,
            match=cast("Comparison", arguments.email_match or "exact"),
            keys=_keys("email" if arguments.email_keys is None else arguments.email_keys),
        )
    properties = tuple(_conditions(arguments))
    queried = build_query_selection(
        arguments,
        properties=properties,
        email=arguments.email,
        allow_shared_ids=arguments.allow_shared_ids,
        everyone=arguments.everyone,
    )
    return queried or ByFilter(
        properties=properties, email=arguments.email, everyone=arguments.everyone or not arguments.given
    )


def _check(arguments: SelectionArguments, *, writes: bool) -> None:
    given = arguments.given
    files = [name for name in given if name in _FILE_OPTIONS.values()]
    if not given and writes:
        raise click.UsageError(NOTHING_SELECTED)
    if len(given) > 1 and files:
        raise click.UsageError(f"{' and '.join(given)} cannot be combined: give one of them")
    if arguments.column is not None and arguments.requests is not None:
        raise click.UsageError("--column does not work with --requests, which reads the columns by their names")
    if arguments.column is not None and not files:
        raise click.UsageError("--column names a column of a file: give --distinct-ids, --uuids or --emails")
    for name, value in (("--email-match", arguments.email_match), ("--email-keys", arguments.email_keys)):
        if value is not None and arguments.emails is None and arguments.requests is None:
            raise click.UsageError(f"{name} only works with --emails and --requests")
    if arguments.allow_shared_ids and {arguments.distinct_ids, arguments.hogql, arguments.requests} == {None}:
        raise click.UsageError("--allow-shared-ids only works with --distinct-ids, --requests and --hogql")


def _keys(text: str) -> tuple[str, ...]:
    """Return the keys of --email-keys."""
    keys = tuple(key.strip() for key in text.split(","))
    if not all(keys):
        raise click.UsageError(
            f"--email-keys {text!r} has an empty key: name properties, or distinct_id, as in email,distinct_id"
        )
    return keys


def input_source(name: str) -> Path | BinaryIO:
    """Return the file, or a reader for a pipe, a terminal or stdin, which may block."""
    from bulk.cli.streams.input import blocking_file, may_block, standard_input

    if name != STDIN and not may_block(Path(name)):
        return Path(name)
    reader = standard_input(sys.stdin) if name == STDIN else blocking_file(Path(name))
    if (context := click.get_current_context(silent=True)) is not None:
        context.call_on_close(reader.close)  # wakes a thread that still waits for a line
    return cast("BinaryIO", reader)


def _conditions(arguments: SelectionArguments) -> list[Any]:
    from asyncclient import PropertyFilter
    from bulk.selection.filter_expression import parse_where
    from bulk.selection.filter_json import parse_properties

    conditions = [parse_where(expression) for expression in arguments.where]
    if arguments.properties is not None:
        conditions += parse_properties(arguments.properties)
    if arguments.cohort is not None:
        conditions.append(PropertyFilter("id", arguments.cohort, type="cohort"))
    return conditions
