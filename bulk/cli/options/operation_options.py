"""The arguments and options that say what to do, and the operation they stand for. Sends and reads nothing.

An argument that cannot be read is named by its place: what stands in it may speak of persons.
"""

import json
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import click
import msgspec

from bulk.cli.options.connection_options import gather_options

if TYPE_CHECKING:
    from bulk.operations import Operation

F = TypeVar("F", bound=Callable[..., Any])

KINDS = ("delete", "unset", "update", "delete-events", "delete-recordings")
TAKES: dict[str, tuple[str, ...]] = {
    "delete": ("delete_events", "delete_recordings"),
    "unset": ("words", "route"),
    "update": ("words", "route"),
    "delete-events": (),
    "delete-recordings": (),
}
"""What each operation is told by, by the names of `Asked`."""
_METAVARS = {"unset": "KEY...", "update": "KEY=VALUE..."}
_HOW_TO_SET = "write KEY=TEXT, or KEY:=JSON for numbers, booleans and lists"


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """The arguments and options as given; None and empty where they were not."""

    words: tuple[str, ...] = ()
    route: Literal["auto", "rest", "capture"] | None = None
    delete_events: bool = False
    delete_recordings: bool = False


_OPTIONS: dict[str, Callable[[Any], Any]] = {
    "delete_events": click.option("--delete-events", is_flag=True, help="Also delete the persons' events"),
    "delete_recordings": click.option("--delete-recordings", is_flag=True, help="Also delete the persons' recordings"),
    "route": click.option(
        "--route",
        type=click.Choice(["rest", "capture", "auto"]),
        help="How to change properties. rest: calls about one person each. capture: events of many persons per "
        "request. auto (the default): rest up to 240 calls, capture above",
    ),
}


def operation_options(kind: str) -> Callable[[F], F]:
    """Add what one operation takes; the command gets it as `asked`.

    Args:
        kind: of `KINDS`.
    """
    added = tuple(_words(_METAVARS[kind]) if name == "words" else _OPTIONS[name] for name in TAKES[kind])
    return lambda command: gather_options(command, "asked", Asked, *added)


def every_operation(command: F) -> F:
    """Add what any operation takes; the command gets it as `asked`, and `operation` says what does not fit."""
    return gather_options(command, "asked", Asked, _words("[KEY...|KEY=VALUE...]"), *_OPTIONS.values())


def operation(kind: str, asked: Asked) -> "Operation":
    """Return the operation that was asked for.

    Args:
        kind: of `KINDS`.
        asked: what was given with it.

    Raises:
        UsageError: something is missing, cannot be read, or does not fit the operation.
        InputError: a key or a value is one that the server cannot hold.
    """
    from bulk.operations import DeleteEvents, DeletePersons, DeleteRecordings, UnsetProperties, UpdateProperties

    _check_fits(kind, asked)
    route = asked.route or "auto"
    match kind:
        case "delete":
            return DeletePersons(delete_events=asked.delete_events, delete_recordings=asked.delete_recordings)
        case "delete-events":
            return DeleteEvents()
        case "delete-recordings":
            return DeleteRecordings()
        case "unset":
            if not asked.words:
                raise click.UsageError("unset needs the keys to remove: name at least one KEY")
            return UnsetProperties(keys=asked.words, route=route)
        case _:
            return UpdateProperties(properties=assignments(asked.words), route=route)


def assignments(words: Sequence[str]) -> dict[str, Any]:
    """Return the values by key that KEY=TEXT and KEY:=JSON stand for; the first `=` or `:=` ends the key.

    Raises:
        UsageError: there is none, one cannot be read, or a key comes twice; no value is repeated in the sentence.
    """
    if not words:
        raise click.UsageError(f"update needs what to set: {_HOW_TO_SET}")
    found: dict[str, Any] = {}
    for number, word in enumerate(words, 1):
        key, equals, text = word.partition("=")
        if not equals:
            raise click.UsageError(
                f"argument {number} of update has no =: {_HOW_TO_SET}, in quotes if it contains spaces"
            )
        is_json = key.endswith(":")
        key = key.removesuffix(":")
        if not key.strip():
            raise click.UsageError(f"argument {number} of update has no key before its =: {_HOW_TO_SET}")
        if key in found:
            raise click.UsageError(f"argument {number} of update names the key {_shown(key)} again: give each key once")
        found[key] = _parsed(key, text) if is_json else text
    return found


def _parsed(key: str, text: str) -> Any:
    try:
        return json.loads(text, parse_constant=_no_constant, object_pairs_hook=_no_doubles)
    except json.JSONDecodeError as error:
        where = f"at character {error.pos + 1} of {len(text)} ({error.msg})" if text else "because it is empty"
    except RecursionError:
        where = "because it is nested too deep"
    except ValueError as error:
        where = f"because {_REASONS.get(str(error), 'a number in it has too many digits')}"
    raise click.UsageError(
        f"the value of {_shown(key)} is not valid JSON {where}: correct it, or write KEY=TEXT for a text"
    )


_NO_NUMBER = "no number"
_TWICE = "twice"
_REASONS = {_NO_NUMBER: "JSON has neither NaN nor Infinity", _TWICE: "an object in it has a key twice"}


def _no_constant(_: str) -> Any:
    raise ValueError(_NO_NUMBER)


def _no_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError(_TWICE)
    return found


def _check_fits(kind: str, asked: Asked) -> None:
    for name in Asked.__struct_fields__:
        given = getattr(asked, name)
        if name in TAKES[kind] or given in ((), None, False):
            continue
        if name == "words":
            raise click.UsageError(
                f"{kind} takes neither KEY nor KEY=VALUE: select persons with options such as --distinct-ids"
            )
        fitting = " and ".join(other for other in KINDS if name in TAKES[other])
        raise click.UsageError(f"--{name.replace('_', '-')} goes with {fitting}, not with {kind}: leave it out")


def _shown(key: str) -> str:
    from bulk.sanitize import plain

    return repr(plain(key, limit=60))


def _words(metavar: str) -> Callable[[Any], Any]:
    return click.argument("words", nargs=-1, metavar=metavar)
