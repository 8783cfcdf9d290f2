"""Streams the persons of a selection as lines of JSON, as the server gives them, or as CSV. Only reads, flat memory.

Listings give whole objects; ids are looked up in batches, which show at most 10 distinct ids a person
(contract 6.11).
"""

from collections.abc import AsyncIterator, Iterator, Sequence
from itertools import islice
from typing import Any
from uuid import UUID

import anyio
import anyio.to_thread
import msgspec

from asyncclient import PersonRef, PostHogClient, PropertyFilter, RawPerson
from bulk.export.csv_rows import HEADER, csv_row
from bulk.files.disk_sets import DiskIdSet
from bulk.posthog import person_reader
from bulk.selection.id_files import Line, RefusedLine
from bulk.selection.input_findings import Findings
from bulk.selection.resolver import MOST_OPEN_LINES, READ_AT_ONCE, email_groups, id_groups, read_lines
from bulk.selection.selections import ByDistinctIds, ByEmails, ByFilter, FromInput, Selection


class _Properties(msgspec.Struct, frozen=True):
    email: Any = None


class _Listed(PersonRef, frozen=True):
    """Who a person of a listing is, and its email."""

    properties: _Properties = _Properties()


_LISTED = msgspec.json.Decoder(_Listed)


async def export_lines(
    client: PostHogClient, selection: Selection, findings: Findings, *, page_size: int = 1000
) -> AsyncIterator[bytes]:
    """Yield one line of JSON for each person, each person once, with line end (contract 6.1, 6.11).

    Args:
        client: for reading.
        selection: whom; an empty filter is everyone.
        findings: gets what became of the input's lines.
        page_size: persons a page of listings, 1 to 1000.

    Raises:
        InputError: the input is empty or cannot be used.
        FileTrouble: it cannot be read.
        PostHogError: the server could not be asked.
    """
    if isinstance(selection, ByFilter):
        persons = client.persons.iter_raw(properties=selection.properties, email=selection.email, page_size=page_size)
        async for raw in persons:
            findings.listed += 1
            yield _line(raw)
        return
    with DiskIdSet() as seen:
        async for person in _named(client, selection, findings, page_size):
            if seen.add(person.ref.uuid):
                findings.person(len(person.ref.distinct_ids))
                yield _line(person.raw)


async def export_csv(
    client: PostHogClient, selection: Selection, findings: Findings, *, page_size: int = 1000
) -> AsyncIterator[bytes]:
    """Yield a header, then a row for each person, each person once; complete, as the server's own CSV is not.

    Arguments and errors as `export_lines` (contract 6.1).
    """
    yield HEADER
    async for line in export_lines(client, selection, findings, page_size=page_size):
        yield csv_row(line)


async def _named(
    client: PostHogClient, selection: FromInput, findings: Findings, page_size: int
) -> AsyncIterator[RawPerson]:
    """The persons of the lines; a line that one answer does not match is looked up once more, some seconds later."""
    left_out: list[Line] = []
    async for lines in _usable(read_lines(selection), findings):
        async for found in _found(client, selection, lines, page_size, left_out):
            yield found
        if len(left_out) >= MOST_OPEN_LINES:
            async for found in _second_look(client, selection, left_out, page_size, findings):
                yield found
            left_out = []
    async for found in _second_look(client, selection, left_out, page_size, findings):
        yield found


async def _second_look(
    client: PostHogClient, selection: FromInput, lines: Sequence[Line], page_size: int, findings: Findings
) -> AsyncIterator[RawPerson]:
    if not lines:
        return
    await anyio.sleep(person_reader.CONFIRM_AFTER_S)
    unmatched: list[Line] = []
    async for found in _found(client, selection, lines, page_size, unmatched):
        yield found
    for line in unmatched:
        findings.unmatched.add(line.number)


async def _found(
    client: PostHogClient, selection: FromInput, lines: Sequence[Line], page_size: int, left_out: list[Line]
) -> AsyncIterator[RawPerson]:
    """The persons that answers tell of; lines that no answer matches are put with those left out."""
    if isinstance(selection, ByEmails):
        for group in email_groups(lines):
            condition = PropertyFilter("email", [line.value for line in group])
            matched: set[str] = set()
            async for raw in client.persons.iter_raw(properties=[condition], page_size=page_size):
                listed = _LISTED.decode(raw)
                matched.add(_folded(listed.properties.email))
                yield RawPerson(listed, raw)
            left_out += [line for line in group if _folded(line.value) not in matched]
        return
    for group in id_groups(lines):
        for line, found in zip(group, await _looked_up(client, selection, group), strict=True):
            if found is None:
                left_out.append(line)
            else:
                yield found


async def _looked_up(client: PostHogClient, selection: FromInput, lines: Sequence[Line]) -> list[RawPerson | None]:
    if isinstance(selection, ByDistinctIds):
        owners = await client.persons.raw_by_distinct_ids([line.value for line in lines])
        return [owners.get(line.value) for line in lines]
    uuids = [UUID(line.value) for line in lines]
    present = await client.persons.raw_by_uuids(uuids)
    return [present.get(uuid) for uuid in uuids]


def _folded(email: object) -> str:
    """An email as it is compared here: the server may not tell upper from lower case."""
    return email.casefold() if isinstance(email, str) else ""


async def _usable(lines: Iterator[Line | RefusedLine], findings: Findings) -> AsyncIterator[list[Line]]:
    def next_lines() -> list[Line | RefusedLine]:
        return list(islice(lines, READ_AT_ONCE))

    # in a thread of its own, since a pipe may keep it waiting
    while some := await anyio.to_thread.run_sync(next_lines, abandon_on_cancel=True):
        findings.lines += len(some)
        usable = []
        for line in some:
            if isinstance(line, RefusedLine):
                findings.refuse(line.number, line.reason)
            else:
                usable.append(line)
        yield usable


def _line(raw: msgspec.Raw) -> bytes:
    """One line: JSON has line ends only between its tokens, where a blank does as well."""
    return bytes(raw).replace(b"\r", b" ").replace(b"\n", b" ") + b"\n"
