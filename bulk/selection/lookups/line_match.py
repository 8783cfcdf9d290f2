"""What a lookup found for a group of input lines: the persons of each line. Pure."""

from collections.abc import Sequence
from itertools import chain

import msgspec

from bulk.posthog.person_reads import Present, ReadResult, Unread
from bulk.property_checks import DesiredProperties
from bulk.selection.inputs.line_checks import Line
from bulk.selection.selected_person import SelectedPerson, selected
from bulk.selection.values.row_lines import RowLine


class LineMatch(msgspec.Struct, frozen=True):
    """The persons of a group of lines; None for a line that is not known to have a person or none."""

    lines: Sequence[Line]
    persons: Sequence[Sequence[SelectedPerson] | None]

    def open_lines(self) -> list[Line]:
        """Return the lines that are not known to have a person or none."""
        return [line for line, persons in zip(self.lines, self.persons, strict=True) if persons is None]


def in_line_order(matches: Sequence[LineMatch]) -> LineMatch:
    """Return several groups of lines as one, in the order of the input."""
    pairs = chain.from_iterable(zip(match.lines, match.persons, strict=True) for match in matches)
    ordered = sorted(pairs, key=lambda pair: pair[0].number)
    return LineMatch([line for line, _ in ordered], [persons for _, persons in ordered])


def change_of(line: Line) -> DesiredProperties | None:
    """Return the values that the persons of a line get, where each person gets its own."""
    return line.change if isinstance(line, RowLine) else None


def persons_of(result: ReadResult, line: Line, *, by: str | None = None) -> list[SelectedPerson] | None:
    """Return the person of a line as a list, or None where nothing is known yet.

    Arguments:
        result: of the read.
        line: that names the person.
        by: the distinct ID that it names, if any.
    """
    if isinstance(result, Present):
        change = line.change if isinstance(line, RowLine) else None
        return [selected(result.person, by=by, line=line.number, change=change)]
    return None if isinstance(result, Unread) else []
