"""What a report consists of in every format: a verdict, then sections of text, lists, tables and commands. Values only.

Text in a document is not escaped; each format escapes what it writes.
"""

import msgspec

Row = tuple[str, ...]

AXIS_TITLES = {
    "person": "Persons",
    "events": "Events",
    "recordings": "Recordings",
    "properties": "Properties",
}


class Table(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Rows of cells under headings; without headings, names and values.

    Arguments:
        headings: one per column, or none.
        rows: the cells.
        numeric: the columns that are aligned to the right.
        caption: what the table shows.
        totals: the rows that are sums of rows above them.
    """

    headings: Row
    rows: tuple[Row, ...]
    numeric: frozenset[int] = frozenset()
    caption: str = ""
    totals: frozenset[int] = frozenset()


class Bullets(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A list of sentences."""

    items: tuple[str, ...]


class Commands(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Command lines to copy, each with what it does; their words are ours, so nothing in them is foreign."""

    lines: tuple[tuple[str, str], ...]


class Mark(msgspec.Struct, frozen=True, kw_only=True):
    """Something on a lane of a timeline: a span of time, or a moment if `width` is 0. Positions are percentages."""

    start: float
    width: float
    words: str


class Lane(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a timeline. `tone` is "work", "wait" or "break"."""

    title: str
    tone: str
    marks: tuple[Mark, ...]


class Tick(msgspec.Struct, frozen=True, kw_only=True):
    """A time on the axis of a timeline, as two lines of text. `anchor` is "start" or "end"."""

    at: float
    day: str
    time: str
    anchor: str


class Figure(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A timeline as a picture; a table beside it says the same. `gaps` are places at which the axis leaves time out."""

    title: str
    description: str
    lanes: tuple[Lane, ...]
    ticks: tuple[Tick, ...]
    gaps: tuple[float, ...]
    gap_note: str


Block = str | Bullets | Table | Commands | Figure


class Section(msgspec.Struct, frozen=True, kw_only=True):
    """A titled part of a document. `is_form` marks lines to be filled in by hand."""

    title: str
    blocks: tuple[Block, ...]
    is_form: bool = False


class Document(msgspec.Struct, frozen=True, kw_only=True):
    """A report.

    Arguments:
        title: names the job.
        state: "complete", "waiting" or "needs_attention".
        state_title: the state in words.
        verdict: one sentence.
        notes: what the job waits for, and what to do.
        sections: in the order in which they are read.
    """

    title: str
    state: str
    state_title: str
    verdict: str
    notes: tuple[str, ...]
    sections: tuple[Section, ...]
