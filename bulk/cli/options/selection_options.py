"""The options that say whom a command is for, and the selection they stand for. Sends and reads nothing."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, TypeVar, cast

import click
import msgspec

from bulk.cli.options.connection_options import gather_options

if TYPE_CHECKING:
    from bulk.selection.selections import Selection

F = TypeVar("F", bound=Callable[..., Any])

STDIN = "-"
EMPTY = "no persons are selected: give --distinct-ids, --where or the like, or --everyone for the whole project"
_INPUTS = {"distinct_ids": "--distinct-ids", "uuids": "--uuids", "emails": "--emails"}
_FILTERS = {"where": "--where", "email": "--email", "properties": "--properties", "cohort": "--cohort"}


class Chosen(msgspec.Struct, frozen=True, kw_only=True):
    """The options as given."""

    distinct_ids: str | None = None
    uuids: str | None = None
    emails: str | None = None
    column: str | None = None
    allow_shared_ids: bool = False
    where: tuple[str, ...] = ()
    email: str | None = None
    properties: str | None = None
    cohort: int | None = None
    everyone: bool = False

    @property
    def given(self) -> list[str]:
        """The names of the options that say whom."""
        named = {**_INPUTS, **_FILTERS, "everyone": "--everyone"}
        return [option for field, option in named.items() if getattr(self, field) not in (None, (), False)]

    @property
    def files(self) -> list[Path]:
        """The files that are read."""
        return [Path(name) for field in _INPUTS if (name := getattr(self, field)) not in (None, STDIN)]


def selection_options(command: F) -> F:
    """Add the options of a selection; the command gets them as `chosen`."""
    return gather_options(
        command,
        "chosen",
        Chosen,
        click.option("--distinct-ids", metavar="FILE|-", help="File with one distinct ID per line; - is stdin"),
        click.option("--uuids", metavar="FILE|-", help="File with one person UUID per line"),
        click.option("--emails", metavar="FILE|-", help="File with one value of the property email per line"),
        click.option("--column", metavar="NAME", help="Read this column of the file, which is CSV with a header"),
        click.option(
            "--allow-shared-ids",
            is_flag=True,
            help='Also accept placeholder IDs such as "undefined"',
        ),
        click.option(
            "--where",
            multiple=True,
            metavar="'KEY OPERATOR VALUE'",
            help="Condition on a property, as in 'plan exact free'; repeat it to narrow down",
        ),
        click.option("--email", metavar="EMAIL", help="Exact value of the property email"),
        click.option("--properties", metavar="JSON", help="JSON array of PostHog property filters"),
        click.option("--cohort", type=click.IntRange(1), metavar="ID", help="Members of this cohort"),
        click.option("--everyone", is_flag=True, help="Every person of the project"),
    )


def selection(chosen: Chosen, *, writes: bool) -> "Selection":
    """Return the selection that the options stand for.

    Args:
        chosen: the options.
        writes: whether anything is to be changed; then nobody is selected by saying nothing.

    Raises:
        UsageError: the options contradict each other, or say nothing where something must be said.
        WhereError, InputError: a condition cannot be read.
    """
    from bulk.selection.selections import ByDistinctIds, ByEmails, ByFilter, ByPersonIds

    _check(chosen, writes=writes)
    if chosen.distinct_ids is not None:
        return ByDistinctIds(
            _source(chosen.distinct_ids), column=chosen.column, allow_shared_ids=chosen.allow_shared_ids
        )
    if chosen.uuids is not None:
        return ByPersonIds(_source(chosen.uuids), column=chosen.column)
    if chosen.emails is not None:
        return ByEmails(_source(chosen.emails), column=chosen.column)
    return ByFilter(
        properties=tuple(_conditions(chosen)), email=chosen.email, everyone=chosen.everyone or not chosen.given
    )


def _check(chosen: Chosen, *, writes: bool) -> None:
    given = chosen.given
    inputs = [option for option in given if option in _INPUTS.values()]
    if not given and writes:
        raise click.UsageError(EMPTY)
    if len(given) > 1 and (inputs or "--everyone" in given):
        raise click.UsageError(f"{' and '.join(given)} contradict each other: give one of them")
    if chosen.column is not None and not inputs:
        raise click.UsageError("--column names a column of a file: give --distinct-ids, --uuids or --emails")
    if chosen.allow_shared_ids and chosen.distinct_ids is None:
        raise click.UsageError("--allow-shared-ids goes with --distinct-ids")


def _source(name: str) -> Path | BinaryIO:
    """The file, or a reader that never keeps the process where somebody may have to be waited for."""
    from bulk.cli.streams.input import may_wait, standard_input, waiting_file

    if name != STDIN and not may_wait(Path(name)):
        return Path(name)
    reader = standard_input(sys.stdin) if name == STDIN else waiting_file(Path(name))
    if (context := click.get_current_context(silent=True)) is not None:
        context.call_on_close(reader.close)  # wakes a caller that still waits for a line
    return cast("BinaryIO", reader)


def _conditions(chosen: Chosen) -> list[Any]:
    from asyncclient import PropertyFilter
    from bulk.selection.filter_expression import parse_where
    from bulk.selection.filter_json import parse_properties

    conditions = [parse_where(expression) for expression in chosen.where]
    if chosen.properties is not None:
        conditions += parse_properties(chosen.properties)
    if chosen.cohort is not None:
        conditions.append(PropertyFilter("id", chosen.cohort, type="cohort"))
    return conditions
