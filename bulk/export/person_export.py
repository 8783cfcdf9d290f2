"""Streams the persons of a selection as JSON lines or CSV, with the server's own objects. Reads only.

Memory use does not grow with the selection. Listings return up to 1,000 distinct IDs per person; batch reads by ID
return at most 10 (contract 6.11).
"""

from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from typing import Any, TypeVar
from uuid import UUID

import msgspec

from asyncclient import PersonRef, PostHogClient, RawPerson
from bulk.concurrency.outages import RETRY_FOR_S, emit_outages, waiting_out
from bulk.concurrency.stop_gate import StopGate
from bulk.concurrency.workers import grouped
from bulk.events import OutageEvent, WaitKind
from bulk.export.csv_rows import HEADER, csv_row
from bulk.files.disk_sets import DiskIdSet
from bulk.posthog import person_reader
from bulk.posthog.batch_reads import READ_SIZE
from bulk.selection.filter_resolver import naming_cohorts
from bulk.selection.input_findings import Findings
from bulk.selection.input_lines import MAX_OPEN_LINES, email_groups, id_groups, kind_of, next_lines, read_lines
from bulk.selection.inputs.causes import likely_cause
from bulk.selection.inputs.line_checks import Line, RefusedLine
from bulk.selection.lookups.email_lookup import not_requested
from bulk.selection.lookups.email_match import EmailMatch
from bulk.selection.resolver import Resolver
from bulk.selection.selections import ByDistinctIds, ByEmails, ByFilter, InputSelection, QuerySelection, Selection

READERS = 4
"""Requests at once for the persons that a query names."""


class _Listed(PersonRef, frozen=True):
    """The identity and the properties of a person in a listing."""

    properties: dict[str, Any] = msgspec.field(default_factory=dict)


_LISTED = msgspec.json.Decoder(_Listed)

K = TypeVar("K", Line, UUID)


async def export_lines(
    client: PostHogClient,
    selection: Selection,
    findings: Findings,
    *,
    gate: StopGate | None = None,
    page_size: int = 1000,
    retry_for_s: float = RETRY_FOR_S,
    on_progress: Callable[[OutageEvent], None] | None = None,
) -> AsyncIterator[bytes]:
    """Yield one line of JSON with its line end per person (contract 6.1, 6.11).

    Arguments:
        client: for reading.
        selection: the persons; an empty filter selects every person.
        findings: records the outcome of input lines.
        gate: for waits between two reads; its `sleeps` tell of them.
        page_size: persons per page of a listing, 1 to 1000.
        retry_for_s: seconds without any success for which an outage of the server is waited out; 0 for not at all, and
            at most 365 days.
        on_progress: called with an event before each wait in an outage, and at its end.

    Raises:
        InputError: the input is empty or cannot be used.
        FileTrouble: the input cannot be read.
        PostHogError: the server did not respond for too long, or responded with an error.
    """
    client = waiting_out(client, retry_for_s)
    if on_progress is not None:
        client = client.observed(emit_outages(on_progress))
    if isinstance(selection, ByFilter):
        persons = client.persons.iter_raw(properties=selection.properties, email=selection.email, page_size=page_size)
        with naming_cohorts(client, selection):
            async for raw in persons:
                findings.listed += 1
                yield _line(raw)
        return
    if not isinstance(selection, InputSelection):
        async for person in _from_query(client, selection, findings, page_size, gate or StopGate()):
            yield _line(person.raw)
        return
    with DiskIdSet() as seen:
        async for person in _from_input(client, selection, findings, page_size, gate or StopGate()):
            if seen.add(person.ref.uuid):
                findings.add_target(len(person.ref.distinct_ids))
                yield _line(person.raw)


async def export_csv(
    client: PostHogClient,
    selection: Selection,
    findings: Findings,
    *,
    gate: StopGate | None = None,
    page_size: int = 1000,
    retry_for_s: float = RETRY_FOR_S,
    on_progress: Callable[[OutageEvent], None] | None = None,
) -> AsyncIterator[bytes]:
    """Yield the CSV header, then one row per person; arguments and exceptions are those of `export_lines`.

    Unlike the server's own CSV export, it is complete (contract 6.1).
    """
    yield HEADER
    lines = export_lines(
        client, selection, findings, gate=gate, page_size=page_size, retry_for_s=retry_for_s, on_progress=on_progress
    )
    async for line in lines:
        yield csv_row(line)


async def _from_query(
    client: PostHogClient, selection: QuerySelection, findings: Findings, page_size: int, gate: StopGate
) -> AsyncIterator[RawPerson]:
    """Yield the persons that a query names and the store has."""

    async def read(uuids: Sequence[UUID], left_out: list[UUID]) -> AsyncIterator[RawPerson]:
        for group in grouped(uuids, READ_SIZE):
            present = await client.persons.raw_by_uuids(group)
            left_out += [uuid for uuid in group if uuid not in present]
            for uuid in group:
                if uuid in present:
                    yield present[uuid]

    def count_gone(_: UUID) -> None:
        findings.gone += 1

    with Resolver(
        client, selection, findings, gate, page_size=page_size, concurrency=READERS, now=client.server_time
    ) as resolver:
        groups = ([person.ref.uuid for person in persons] async for persons in resolver.targets())
        async for found in _looked_up_twice(read, groups, count_gone, gate):
            yield found


async def _from_input(
    client: PostHogClient, selection: InputSelection, findings: Findings, page_size: int, gate: StopGate
) -> AsyncIterator[RawPerson]:
    """Yield the persons of the input."""

    def look_up(lines: Sequence[Line], left_out: list[Line]) -> AsyncIterator[RawPerson]:
        return _look_up(client, selection, lines, page_size, left_out)

    def add_unmatched(line: Line) -> None:
        findings.add_unmatched(line.number, likely_cause(line.value, kind_of(selection)))

    async for found in _looked_up_twice(look_up, _usable(read_lines(selection), findings, gate), add_unmatched, gate):
        yield found


async def _looked_up_twice(
    look_up: Callable[[Sequence[K], list[K]], AsyncIterator[RawPerson]],
    groups: AsyncIterator[Sequence[K]],
    missing: Callable[[K], None],
    gate: StopGate,
) -> AsyncIterator[RawPerson]:
    """Yield the persons of lines or IDs; those that a response leaves out are looked up again some seconds later.

    Arguments:
        look_up: yields the persons of some, and adds to its second argument those without a person.
        missing: called with each that has no person the second time either.
        gate: for the wait before the second time.
    """
    left_out: list[K] = []

    async def again() -> AsyncIterator[RawPerson]:
        if left_out:
            await gate.sleep(person_reader.CONFIRM_AFTER_S, WaitKind.SECOND_READ, targets=len(left_out))
            twice_left_out: list[K] = []
            async for found in look_up(left_out.copy(), twice_left_out):
                yield found
            left_out.clear()
            for each in twice_left_out:
                missing(each)

    async for group in groups:
        async for found in look_up(group, left_out):
            yield found
        if len(left_out) >= MAX_OPEN_LINES:
            async for found in again():
                yield found
    async for found in again():
        yield found


async def _look_up(
    client: PostHogClient, selection: InputSelection, lines: Sequence[Line], page_size: int, left_out: list[Line]
) -> AsyncIterator[RawPerson]:
    """Yield the persons of lines, and add the lines that no response matches to `left_out`."""
    if isinstance(selection, ByEmails):
        for emails in email_groups(lines):
            matched: set[str] = set()
            async for person in _by_emails(client, selection.comparison, emails, page_size, matched):
                yield person
            left_out += [line for line in emails if line.value not in matched]
        return
    for group in id_groups(lines):
        for line, found in zip(group, await _by_ids(client, selection, group), strict=True):
            if found is None:
                left_out.append(line)
            else:
                yield found


async def _by_emails(
    client: PostHogClient, match: EmailMatch, lines: Sequence[Line], page_size: int, matched: set[str]
) -> AsyncIterator[RawPerson]:
    """Yield the persons of emails, and add the emails that match one to `matched`."""
    emails = [line.value for line in lines]
    index = match.matching(emails)
    for condition in match.conditions(emails):
        async for raw in client.persons.iter_raw(properties=[condition], page_size=page_size):
            listed = _LISTED.decode(raw)
            same = index.matches(listed.properties.get(condition.key))
            if same is None:
                raise not_requested(condition.key)
            matched.update(same)
            if same:
                yield RawPerson(listed, raw)
    if match.uses_distinct_ids:
        owners = await client.persons.raw_by_distinct_ids(emails)
        matched.update(owners)
        for email in emails:
            if email in owners:
                yield owners[email]


async def _by_ids(client: PostHogClient, selection: InputSelection, lines: Sequence[Line]) -> list[RawPerson | None]:
    if isinstance(selection, ByDistinctIds):
        owners = await client.persons.raw_by_distinct_ids([line.value for line in lines])
        return [owners.get(line.value) for line in lines]
    uuids = [UUID(line.value) for line in lines]
    present = await client.persons.raw_by_uuids(uuids)
    return [present.get(uuid) for uuid in uuids]


async def _usable(lines: Iterator[Line | RefusedLine], findings: Findings, gate: StopGate) -> AsyncIterator[list[Line]]:
    while batch := await next_lines(lines, READ_SIZE, gate.sleeps):
        findings.lines += len(batch)
        usable = []
        for line in batch:
            if isinstance(line, RefusedLine):
                findings.refuse(line.number, line.reason)
            else:
                usable.append(line)
        yield usable


def _line(raw: msgspec.Raw) -> bytes:
    """Return an object as one line: JSON has line ends only between tokens, where a space is the same."""
    return bytes(raw).replace(b"\r", b" ").replace(b"\n", b" ") + b"\n"
