"""Writes the outcome of input lines into the receipts of a plan, and counts the requests that are due on each day."""

from datetime import date
from types import TracebackType
from typing import Any

import msgspec

from bulk.files.disk_sets import DiskStringSet
from bulk.number_ranges import format_ranges
from bulk.requests.due_dates import RequestsDue
from bulk.requests.receipt_lines import IdKind
from bulk.requests.receipts_writer import ReceiptsWriter
from bulk.selection.input_findings import LineNumbers
from bulk.selection.inputs.line_checks import Kind, Line, RefusedLine
from bulk.selection.inputs.line_record import TOLD_BY_TARGETS, LineRecord
from bulk.selection.inputs.request_rows import RefusedRequest, Request, RequestLine

_ID_KINDS = {
    Kind.DISTINCT_ID: IdKind.DISTINCT_ID,
    Kind.ANY_DISTINCT_ID: IdKind.DISTINCT_ID,
    Kind.PERSON_ID: IdKind.UUID,
    Kind.EMAIL: IdKind.EMAIL,
}


class LineReceipts:
    """Takes the outcome of each line; a context manager, because it remembers requests on disk.

    Arguments:
        writer: of the receipts.
        today: the day in UTC, for what is overdue.
    """

    def __init__(self, writer: ReceiptsWriter, *, today: date) -> None:
        self._writer = writer
        self._requests = DiskStringSet()
        self._due: dict[str, int] = {}
        self._today = today.isoformat()
        self._overdue = LineNumbers()

    def add(self, record: LineRecord) -> None:
        """Write the outcome of a line, unless the entries of targets tell it; raises FileTrouble."""
        line = record.line
        request = line.request if isinstance(line, RequestLine | RefusedRequest) else None
        if request is None and record.outcome == "selected" and record.kind in TOLD_BY_TARGETS:
            return
        if request is not None:
            self._count(request, line.number)
        kind = None if record.kind is None else _ID_KINDS.get(record.kind)
        self._writer.add_line(
            line.number,
            record.outcome,
            kind=kind,
            value=line.value if isinstance(line, Line) else None,
            targets=format_ranges(range(*record.targets)) or None,
            persons=record.persons,
            reason=line.reason.value if isinstance(line, RefusedLine) else None,
            reference=None if request is None else request.reference,
            received=None if request is None else request.received,
            due=None if request is None else request.due,
        )

    def findings(self) -> list[dict[str, Any]]:
        """Return how many requests are due on which day, and the lines of those that are overdue, for a plan."""
        days = [
            msgspec.to_builtins(RequestsDue(due=due, requests=requests)) for due, requests in sorted(self._due.items())
        ]
        overdue = [{"kind": "overdue", **self._overdue.to_finding()}] if len(self._overdue) else []
        return [*overdue, *([{"kind": "due", "days": days}] if days else [])]

    def _count(self, request: Request, line: int) -> None:
        """Count a request; rows with the same reference and the same day are one."""
        if request.due is None:
            return
        if request.due < self._today:
            self._overdue.add(line)
        is_new = request.reference is None or self._requests.add(f"{request.due}\0{request.reference}")
        self._due[request.due] = self._due.get(request.due, 0) + is_new

    def __enter__(self) -> "LineReceipts":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._requests.close()
