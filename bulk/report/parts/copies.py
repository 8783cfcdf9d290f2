"""The part of a report about copies of the persons that were made for handing out. Pure."""

from collections.abc import Iterable

import msgspec

from bulk.journal.records import CopyMade
from bulk.number_ranges import parse_ranges
from bulk.report.parts.activity import iso


class CopyReport(msgspec.Struct, frozen=True, kw_only=True):
    """A copy of the persons of the plan, with all their distinct IDs.

    Arguments:
        at: when it was made, ISO 8601 in UTC.
        persons: how many persons it has.
        missing: how many persons of the plan PostHog did not have any more.
        unread: how many could not be read.
        layout: `jsonl` or `csv`.
        sha256: of the file.
    """

    at: str
    persons: int
    missing: int
    unread: int
    layout: str
    sha256: str


def copies_of(records: Iterable[CopyMade]) -> tuple[CopyReport, ...]:
    """Return the copies in the order in which they were made."""
    return tuple(
        CopyReport(
            at=iso(record.at),
            persons=record.persons,
            missing=_count(record.missing),
            unread=_count(record.unread),
            layout=record.layout,
            sha256=record.sha256,
        )
        for record in records
    )


def _count(ranges: str | None) -> int:
    return 0 if ranges is None else sum(stop - start for start, stop in parse_ranges(ranges))
