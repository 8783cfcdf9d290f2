"""WaitSpans: turns the waits of each moment into the spans of time that a journal records. Pure.

A journal keeps these spans, so they have to be few: short waits are left out, waits of one kind that follow each other
closely are one span, and a span that lasts is handed out again only each time it has doubled.
"""

from collections.abc import Iterable

import msgspec

from bulk.events import Wait, WaitKind

LEAST_S = 10.0
"""Seconds of waiting from which a span is worth recording."""
CLOSE_S = 60.0
"""Waits of one kind that are less than these seconds apart are one span."""

KINDS = (WaitKind.OUTAGE, WaitKind.RATE_LIMIT, WaitKind.CATCHING_UP, WaitKind.SECOND_READ)
"""The waits that are recorded: no work is possible in them. The pauses of the server have records of their own."""


class WaitSpan(msgspec.Struct, frozen=True, kw_only=True):
    """A time in which a command waited for one thing, with interruptions of less than `CLOSE_S`.

    Arguments:
        number: tells the spans of a command apart, from 0.
        kind: what was waited for.
        started: the time, by the clock of the caller.
        ended: when it waited last.
        waited_s: how long it waited in between.
    """

    number: int
    kind: WaitKind
    started: float
    ended: float
    waited_s: float


class WaitSpans:
    """Collects the waits of a command."""

    def __init__(self) -> None:
        self._spans: dict[WaitKind, WaitSpan] = {}
        self._handed_out_s: dict[int, float] = {}
        self._over: list[WaitSpan] = []
        self._next = 0

    def take(self, waits: Iterable[Wait], now: float) -> None:
        """Take in what is waited for at a time that is later than that of the call before."""
        longest: dict[WaitKind, Wait] = {}
        for wait in waits:
            if wait.kind in KINDS and wait.waited_s >= longest.get(wait.kind, wait).waited_s:
                longest[wait.kind] = wait
        for kind, span in [*self._spans.items()]:
            seen_at = now - longest[kind].waited_s if kind in longest else now
            if seen_at - span.ended >= CLOSE_S:
                self._over.append(self._spans.pop(kind))
        for kind, wait in longest.items():
            began = now - wait.waited_s
            span = self._spans.get(kind) or self._begin(kind, began)
            waited_s = span.waited_s + now - max(span.ended, began)
            self._spans[kind] = msgspec.structs.replace(span, ended=now, waited_s=waited_s)

    def due(self) -> list[WaitSpan]:
        """Return the spans to record now: new ones, those that have doubled since, and those that are over."""
        over, self._over = self._over, []
        last = [span for span in over if self._is_worth(span, self._handed_out_s.pop(span.number, None), times=1)]
        going = [span for span in self._spans.values() if self._is_worth(span, self._handed_out_s.get(span.number))]
        self._handed_out_s |= {span.number: span.waited_s for span in going}
        return last + going

    def end(self) -> list[WaitSpan]:
        """Return the spans to record at the end of the command."""
        self._over += self._spans.values()
        self._spans.clear()
        return self.due()

    def _begin(self, kind: WaitKind, began: float) -> WaitSpan:
        number, self._next = self._next, self._next + 1
        return WaitSpan(number=number, kind=kind, started=began, ended=began, waited_s=0.0)

    @staticmethod
    def _is_worth(span: WaitSpan, handed_out_s: float | None, times: int = 2) -> bool:
        """Return whether a span is long enough, and so many times as long as when it was handed out."""
        if handed_out_s is None:
            return span.waited_s >= LEAST_S
        return span.waited_s > handed_out_s and span.waited_s >= times * handed_out_s
