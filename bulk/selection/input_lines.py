"""Opens the input of a selection, identifies its content, and groups its lines for lookups. Sends nothing."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import BinaryIO, cast
from urllib.parse import quote

import anyio.to_thread

from bulk.concurrency.sleeps import Sleeps
from bulk.errors import InputError
from bulk.events import Wait, WaitKind
from bulk.files.content_meter import ContentMeter, InputContent, metered_values
from bulk.files.file_errors import as_file_trouble
from bulk.posthog.batch_reads import READ_SIZE
from bulk.selection.id_files import Kind, Line, RefusedLine, read_file, read_pieces, read_stream, read_values
from bulk.selection.inputs.request_rows import RequestLine, read_request_values, read_requests
from bulk.selection.lookups.email_match import EmailMatch
from bulk.selection.selections import ByDistinctIds, ByEmails, ByPersonIds, ByRequests, InputSelection, Selection
from bulk.selection.values.row_selection import ByRows, row_lines

MAX_OPEN_LINES = 10_000
"""Lines without a person that are collected before they are looked up again."""
EMAILS_PER_LISTING = 50
EMAIL_BYTES_PER_LISTING = 2_000
"""Maximum of URL-encoded bytes of emails in one listing, so that every proxy accepts its URL."""


def read_lines(selection: InputSelection, meter: ContentMeter | None = None) -> Iterator[Line | RefusedLine]:
    """Yield the lines of a selection's input; raises InputError and FileTrouble.

    Arguments:
        selection: the selection.
        meter: gets everything that is read.
    """
    if isinstance(selection, ByRows):
        return row_lines(selection, meter)
    if isinstance(selection, ByRequests):
        return _read_requests(selection, meter)
    source, column, kind = selection.source, selection.column, kind_of(selection)
    if isinstance(source, str | Path):
        return read_file(Path(source), kind, column=column, meter=meter)
    if hasattr(source, "read"):
        return read_stream(cast("BinaryIO", source), kind, column=column, meter=meter)
    values = cast("Iterable[object]", source)
    return read_values(values if meter is None else metered_values(values, meter), kind)


def _read_requests(selection: ByRequests, meter: ContentMeter | None) -> Iterator[Line | RefusedLine]:
    source, rules = selection.source, selection.rules
    if isinstance(source, str | Path):
        path = Path(source)
        with as_file_trouble(path, "cannot be read"), path.open("rb") as file:
            yield from read_requests(read_pieces(file, str(path), meter, is_csv=True), rules, str(path))
    elif hasattr(source, "read"):
        stream = cast("BinaryIO", source)
        yield from read_requests(read_pieces(stream, "the input", meter, is_csv=True), rules, "the input")
    else:
        values = cast("Iterable[object]", source)
        yield from read_request_values(values if meter is None else metered_values(values, meter), rules)


async def next_lines(lines: Iterator[Line | RefusedLine], count: int, sleeps: Sleeps) -> list[Line | RefusedLine]:
    """Return the next lines, fewer only at the end; they are read in a thread, because a pipe may block.

    Arguments:
        lines: the rest of the input.
        count: how many to read.
        sleeps: shows the wait for them.
    """
    with sleeps.noted(Wait(kind=WaitKind.INPUT, waited_s=0.0)):
        return await anyio.to_thread.run_sync(lambda: list(islice(lines, count)), abandon_on_cancel=True)


def read_content(selection: Selection) -> InputContent | None:
    """Return the content of a selection's input; None where it has no input. Streams and iterators are read to the end.

    Raises:
        InputError: the input is of a kind that cannot be read.
        FileTrouble: the input cannot be read.
    """
    if not isinstance(selection, InputSelection):
        return None
    source, meter = selection.source, ContentMeter()
    is_csv = isinstance(selection, ByRequests | ByRows) or selection.column is not None
    if isinstance(selection, ByRows) and hasattr(source, "seek"):
        source.seek(0)  # its keys were read
    if isinstance(source, str | Path):
        with as_file_trouble(Path(source), "cannot be read"), Path(source).open("rb") as file:
            _read_all(read_pieces(file, str(source), meter, is_csv=is_csv))
    elif hasattr(source, "read"):
        _read_all(read_pieces(cast("BinaryIO", source), "the input", meter, is_csv=is_csv))
    else:
        _read_all(metered_values(cast("Iterable[object]", source), meter))
    return meter.content()


def _read_all(parts: Iterable[object]) -> None:
    for _ in parts:
        pass


def require_usable(lines: Iterable[Line | RefusedLine]) -> list[Line]:
    """Return the lines of an input, each of which has to be usable.

    Raises:
        InputError: a line cannot be used, or there is none.
    """
    found: list[Line] = []
    for line in lines:
        if isinstance(line, RefusedLine):
            raise InputError(f"line {line.number} cannot be used ({line.reason.value}); correct the input")
        found.append(line)
    if not found:
        raise InputError("the input has no distinct ID")
    return found


def id_groups(lines: Sequence[Line]) -> Iterator[Sequence[Line]]:
    """Yield lines in groups of one batch read."""
    for start in range(0, len(lines), READ_SIZE):
        yield lines[start : start + READ_SIZE]


def email_groups(lines: Sequence[Line]) -> Iterator[Sequence[Line]]:
    """Yield lines in groups of one listing."""
    group: list[Line] = []
    size = 0
    for line in lines:
        encoded = len(quote(line.value, safe="")) + len("%22%2C%22")
        if group and (len(group) == EMAILS_PER_LISTING or size + encoded > EMAIL_BYTES_PER_LISTING):
            yield group
            group, size = [], 0
        group.append(line)
        size += encoded
    if group:
        yield group


def kind_of(selection: InputSelection) -> Kind:
    """Return what the lines of a selection hold."""
    match selection:
        case ByDistinctIds():
            return Kind.ANY_DISTINCT_ID if selection.allow_shared_ids else Kind.DISTINCT_ID
        case ByPersonIds():
            return Kind.PERSON_ID
        case ByEmails():
            return Kind.EMAIL
        case ByRequests():
            return Kind.REQUEST
        case ByRows():
            return selection.rules.kind


def kind_of_line(line: Line, selection: InputSelection) -> Kind:
    """Return what a line holds: a row of requests says it itself."""
    return line.kind if isinstance(line, RequestLine) else kind_of(selection)


def comparison_of(selection: InputSelection) -> EmailMatch:
    """Return how the emails of a selection are compared."""
    return selection.comparison if isinstance(selection, ByEmails | ByRequests) else EmailMatch()
