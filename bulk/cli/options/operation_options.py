"""The arguments and options of an operation, and the operation built from them. Sends nothing and reads no file.

Errors name an argument by its position, and repeat its key but not its value, which can be personal data.
"""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import click
import msgspec

from bulk.cli.options.connection_options import FILE, gather_options
from bulk.cli.options.help_layout import option

if TYPE_CHECKING:
    from bulk.operations import Operation
    from bulk.selection.values.row_selection import ByRows

F = TypeVar("F", bound=Callable[..., Any])

KINDS = ("delete", "unset", "update", "delete-events", "delete-recordings")
TAKES: dict[str, tuple[str, ...]] = {
    "delete": ("delete_events", "delete_recordings"),
    "unset": ("property_arguments", "route", "keep_before"),
    "update": ("property_arguments", "values", "id_column", "types", "empty_is", "once", "route", "keep_before"),
    "delete-events": (),
    "delete-recordings": (),
}
"""The arguments that each operation takes, as fields of `OperationArguments`."""
_METAVARS = {"unset": "KEY...", "update": "[KEY=VALUE...]"}
_OF_VALUES = ("id_column", "types", "empty_is")
"""Options that say how the file of --values is read."""
_HOW_TO_SET = "write KEY=TEXT, or KEY:=JSON for numbers, booleans and lists"


class OperationArguments(msgspec.Struct, frozen=True, kw_only=True):
    """The arguments and options of an operation as given; empty, None or False where they were not."""

    property_arguments: tuple[str, ...] = ()
    values: str | None = None
    id_column: str | None = None
    types: str | None = None
    empty_is: Literal["unset", "null"] | None = None
    once: bool = False
    keep_before: Path | None = None
    route: Literal["auto", "rest", "capture"] | None = None
    delete_events: bool = False
    delete_recordings: bool = False


_OPTIONS: dict[str, Callable[[Any], Any]] = {
    "delete_events": option("--delete-events", is_flag=True, help="Also delete the persons' events"),
    "delete_recordings": option("--delete-recordings", is_flag=True, help="Also delete the persons' recordings"),
    "route": option(
        "--route",
        type=click.Choice(["rest", "capture", "auto"]),
        help="How to change properties. rest: API calls, each for one person; capture: captured events, many persons "
        "per request; auto: rest if that takes up to 240 calls, else capture (default: auto)",
    ),
    "values": option(
        "--values",
        metavar="FILE|-",
        help="Set for each person the values of its own row: a CSV file whose header names the properties, or JSON "
        "lines. It selects the persons too",
    ),
    "id_column": option(
        "--id-column",
        metavar="KIND:COLUMN",
        help="Kind of ID in --values, and the column that holds it: distinct_id:COLUMN, "
        "uuid:COLUMN or email:COLUMN (default: distinct_id:distinct_id)",
    ),
    "types": option(
        "--types",
        metavar="KEY=TYPE,...",
        help="Types of columns in the CSV file of --values, as in seats=number,vip=boolean: text, number, boolean "
        "or json (default: text)",
    ),
    "empty_is": option(
        "--empty-is",
        type=click.Choice(["unset", "null"]),
        help="Let an empty cell of --values remove the property (unset) or set it to null (default: leave the "
        "property as it is)",
    ),
    "once": option(
        "--once",
        is_flag=True,
        help="Set only properties that a person does not have, as $set_once does; not with --route rest",
    ),
    "keep_before": option(
        "--keep-before",
        type=FILE,
        metavar="FILE",
        help="Keep in this new file what each person had before its change, so that revert can bring it back",
    ),
}


def operation_options(kind: str) -> Callable[[F], F]:
    """Return a decorator that adds what one operation takes; the command gets it as `operation_arguments`.

    Arguments:
        kind: one of `KINDS`.
    """
    added = tuple(
        _property_arguments(_METAVARS[kind]) if name == "property_arguments" else _OPTIONS[name] for name in TAKES[kind]
    )
    return lambda command: gather_options(command, "operation_arguments", OperationArguments, *added)


def any_operation_options(command: F) -> F:
    """Add what any operation takes; the command gets it as `operation_arguments`, and `build_operation` checks it."""
    return gather_options(
        command,
        "operation_arguments",
        OperationArguments,
        _property_arguments("[KEY...|KEY=VALUE...]"),
        *_OPTIONS.values(),
    )


def build_rows(
    kind: str, arguments: OperationArguments, *, selected_by: Sequence[str], allow_shared_ids: bool
) -> "ByRows | None":
    """Return the rows of --values, which are also the selection; None without that option.

    Arguments:
        kind: one of `KINDS`.
        arguments: its arguments and options.
        selected_by: the other options given that select persons.
        allow_shared_ids: also accept placeholder IDs.

    Raises:
        UsageError: options contradict each other.
        InputError: the file lacks a column, or sets a property that the server cannot store.
        FileTrouble: the file cannot be read.
    """
    from bulk.cli.options.selection_options import input_source
    from bulk.selection.values.row_selection import open_rows

    _check_fits(kind, arguments)
    if arguments.values is None:
        for name in _OF_VALUES:
            if getattr(arguments, name) is not None:
                raise click.UsageError(f"{_option_name(name)} only works with --values: leave it out")
        return None
    if arguments.property_arguments:
        raise click.UsageError(
            "update takes either --values FILE or KEY=VALUE: add a column for a value of all persons"
        )
    if selected_by:
        raise click.UsageError(f"--values selects the persons of its rows: leave out {' and '.join(selected_by)}")
    return open_rows(
        input_source(arguments.values),
        id_column=arguments.id_column or "distinct_id",
        types=parse_types(arguments.types or ""),
        empty_is=arguments.empty_is,
        allow_shared_ids=allow_shared_ids,
    )


def parse_types(text: str) -> dict[str, str]:
    """Return the types of --types by column.

    Raises:
        UsageError: it cannot be read, or names a column twice.
    """
    found: dict[str, str] = {}
    for part in text.split(",") if text else ():
        key, equals, name = part.rpartition("=")
        if not equals or not key.strip():
            raise click.UsageError("--types cannot be read: write KEY=TYPE,KEY=TYPE, as in seats=number,vip=boolean")
        if key.strip() in found:
            raise click.UsageError(f"--types names {_quoted(key.strip())} twice: give each column once")
        found[key.strip()] = name.strip()
    return found


def build_operation(kind: str, arguments: OperationArguments, rows: "ByRows | None" = None) -> "Operation":
    """Return the operation that the arguments describe.

    Arguments:
        kind: one of `KINDS`.
        arguments: its arguments and options.
        rows: of --values, from `build_rows`.

    Raises:
        UsageError: something is missing, cannot be read, or does not fit the operation.
        InputError: the server cannot store a key or a value.
    """
    from bulk.operations import DeleteEvents, DeletePersons, DeleteRecordings, UnsetProperties, UpdateProperties

    _check_fits(kind, arguments)
    route = arguments.route or "auto"
    keep_before = None if arguments.keep_before is None else str(arguments.keep_before)
    match kind:
        case "delete":
            return DeletePersons(delete_events=arguments.delete_events, delete_recordings=arguments.delete_recordings)
        case "delete-events":
            return DeleteEvents()
        case "delete-recordings":
            return DeleteRecordings()
        case "unset":
            if not arguments.property_arguments:
                raise click.UsageError("unset needs the properties to remove: give at least one KEY")
            return UnsetProperties(keys=arguments.property_arguments, route=route, keep_before=keep_before)
        case _:
            once = arguments.once
            if rows is not None:
                return UpdateProperties.per_person(rows, once=once, route=route, keep_before=keep_before)
            properties = parse_assignments(arguments.property_arguments)
            return UpdateProperties(properties=properties, once=once, route=route, keep_before=keep_before)


def parse_assignments(arguments: Sequence[str]) -> dict[str, Any]:
    """Return the values of KEY=TEXT and KEY:=JSON arguments by key; the first `=` or `:=` ends the key.

    Raises:
        UsageError: there is no argument, one cannot be read, or a key occurs twice. The message repeats no value.
    """
    if not arguments:
        raise click.UsageError(
            f"update needs the properties to set: {_HOW_TO_SET}; or give --values FILE for values per person"
        )
    found: dict[str, Any] = {}
    for number, argument in enumerate(arguments, 1):
        key, equals, text = argument.partition("=")
        if not equals:
            # a later word can be the rest of a value, which can be personal data
            which = f"follows the value of {_quoted(list(found)[-1])} and" if found else f"is {_quoted(argument)} and"
            raise click.UsageError(
                f"argument {number} of update {which} has no =: {_HOW_TO_SET}, in quotes if it contains spaces"
            )
        is_json = key.endswith(":")
        key = key.removesuffix(":")
        if not key.strip():
            raise click.UsageError(f"argument {number} of update has no key before its =: {_HOW_TO_SET}")
        if key in found:
            raise click.UsageError(f"argument {number} of update repeats the key {_quoted(key)}: give each key once")
        found[key] = _parsed(key, text) if is_json else text
    return found


def _parsed(key: str, text: str) -> Any:
    try:
        return json.loads(text, parse_constant=_reject_constant, object_pairs_hook=_reject_repeated_keys)
    except json.JSONDecodeError as error:
        where = f"at character {error.pos + 1} ({error.msg})" if text else "because it is empty"
    except RecursionError:
        where = "because it is nested too deep"
    except ValueError as error:
        where = f"because {_REASONS.get(str(error), 'a number in it has too many digits')}"
    raise click.UsageError(
        f"the value of {_quoted(key)} is not valid JSON {where}: correct it, or write KEY=TEXT to set a string"
    )


_NOT_FINITE = "not finite"
_REPEATED_KEY = "repeated key"
_REASONS = {_NOT_FINITE: "JSON has neither NaN nor Infinity", _REPEATED_KEY: "an object in it has a key twice"}


def _reject_constant(_: str) -> Any:
    raise ValueError(_NOT_FINITE)


def _reject_repeated_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError(_REPEATED_KEY)
    return found


def _check_fits(kind: str, arguments: OperationArguments) -> None:
    for name in OperationArguments.__struct_fields__:
        given = getattr(arguments, name)
        if name in TAKES[kind] or given in ((), None, False):
            continue
        if name == "property_arguments":
            raise click.UsageError(
                f"{kind} takes neither KEY nor KEY=VALUE: select persons with options such as --distinct-ids"
            )
        fitting = " and ".join(other for other in KINDS if name in TAKES[other])
        raise click.UsageError(f"{_option_name(name)} only works with {fitting}, not with {kind}: leave it out")


def _option_name(field: str) -> str:
    return f"--{field.replace('_', '-')}"


def _quoted(key: str) -> str:
    from bulk.sanitize import plain

    return repr(plain(key, limit=60))


def _property_arguments(metavar: str) -> Callable[[Any], Any]:
    return click.argument("property_arguments", nargs=-1, metavar=metavar)
