"""The outcome of one input line, as one value that the receipts keep. Pure."""

from collections.abc import Callable
from uuid import UUID

import msgspec

from bulk.selection.inputs.line_checks import Kind, Line, RefusedLine
from bulk.selection.inputs.line_outcome import Outcome

TOLD_BY_TARGETS = frozenset({Kind.DISTINCT_ID, Kind.ANY_DISTINCT_ID, Kind.PERSON_ID})
"""Kinds of lines whose ID the plan and the receipts have with the target that the line selects."""


class LineRecord(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What became of an input line.

    Arguments:
        line: the line; one of a file of requests has its request.
        kind: what its value is; None if it is refused.
        outcome: in one word.
        targets: the first number of the targets that it added, and the number after the last; equal if there is none.
        persons: UUIDs of its persons that earlier lines added.
    """

    line: Line | RefusedLine
    kind: Kind | None
    outcome: Outcome
    targets: tuple[int, int] = (0, 0)
    persons: tuple[UUID, ...] = ()


OnLine = Callable[[LineRecord], None]
