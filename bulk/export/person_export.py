"""Streams the persons of a selection as JSON lines or CSV, with the server's own objects. Reads only.

Input lines and queries are resolved as for a plan, with the same reads. Memory use does not grow with the selection.
Listings return up to 1,000 distinct IDs per person; batch reads by ID return at most 10 (contract 6.11).
"""

from collections.abc import AsyncIterator, Callable

import msgspec

from asyncclient import PostHogClient
from bulk.concurrency.outages import RETRY_FOR_S, with_outage_wait
from bulk.concurrency.stop_gate import StopGate
from bulk.errors import NotFinished
from bulk.events import OutageEvent
from bulk.export.csv_rows import HEADER, csv_row
from bulk.formatting import count_of
from bulk.posthog.halving import because_of
from bulk.selection.filter_resolver import naming_conditions
from bulk.selection.input_findings import Findings
from bulk.selection.resolver import Resolver
from bulk.selection.selections import ByFilter, Selection

READERS = 4
"""Requests at once for the persons of an input or a query."""


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
        retry_for_s: seconds to wait for a server that does not respond, at most 365 days; 0 fails at once, except that
            a read is retried a few times, within seconds.
        on_progress: called with an event before each wait in an outage, and at its end.

    Raises:
        InputError: the input is empty or cannot be used.
        FileTrouble: the input cannot be read.
        NotFinished: persons could not be read, and no other person is selected.
        PostHogError: the server did not respond for too long, or responded with an error.
    """
    client = with_outage_wait(client, retry_for_s, on_outage=on_progress)
    exported = 0
    async for raw in _selected(client, selection, findings, gate or StopGate(), page_size):
        exported += 1
        yield person_line(raw)
    if not exported and findings.unreadable:
        raise NotFinished(
            f"{count_of(findings.unreadable, 'selected person')} could not be read{because_of(findings.read_error)}, "
            "and no other person matches the selection",
            "run the same command again",
            purpose="export",
        )


async def _selected(
    client: PostHogClient, selection: Selection, findings: Findings, gate: StopGate, page_size: int
) -> AsyncIterator[msgspec.Raw]:
    """Yield the server's object of each selected person."""
    if isinstance(selection, ByFilter):
        rows = client.persons.iter_raw(
            properties=selection.properties,
            email=selection.email,
            page_size=page_size,
            on_unreadable=findings.add_unreadable,
        )
        with naming_conditions(client, selection):
            async for raw in rows:
                findings.listed += 1
                yield raw
        return
    now = client.server_time
    with Resolver(
        client, selection, findings, gate, page_size=page_size, concurrency=READERS, now=now, raw=True
    ) as resolver:
        async for persons in resolver.targets():
            for person in persons:
                assert person.raw is not None, "the resolver keeps the server's objects"
                yield person.raw


async def csv_lines(lines: AsyncIterator[bytes], findings: Findings) -> AsyncIterator[bytes]:
    """Yield the CSV header, then one row per line; unlike the server's own CSV, it is complete (contract 6.1).

    Arguments:
        lines: those of `export_lines`.
        findings: records the rows that CSV cannot show.
    """
    yield HEADER
    async for line in lines:
        try:
            row = csv_row(line)
        except (msgspec.MsgspecError, ValueError):
            findings.unreadable_rows.add(findings.seen)
        else:
            yield row


def person_line(raw: msgspec.Raw) -> bytes:
    """Return an object as one line: JSON has line ends only between tokens, where a space is the same."""
    return bytes(raw).replace(b"\r", b" ").replace(b"\n", b" ") + b"\n"
