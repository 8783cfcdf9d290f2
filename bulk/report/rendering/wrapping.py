"""Lays out cells in columns that fit a width: long cells continue on the next line, and nothing is cut. Pure."""

import re
from collections.abc import Iterator, Sequence

GAP = 2
"""Spaces between two columns."""
LONGEST_WORD = 72
"""The longest word that a column keeps whole where there is room: a digest has 71 characters."""
KEPT_WORD = 36
"""Words up to this length, that of a UUID, are not broken in columns: where they do not fit, rows are stacked."""
_PIECE = re.compile(r"\s*[^\s,]*,?")


def wrap(text: str, width: int) -> list[str]:
    """Return text as lines, broken at spaces and after commas, and within a word that is longer than a line.

    Such a word is broken after a separator (`head_length`).

    Arguments:
        text: one line of text.
        width: the maximum length of a line, at least 1.
    """
    lines = [""]
    for piece in _PIECE.findall(text):
        if len(lines[-1]) + len(piece) <= width:
            lines[-1] += piece
            continue
        rest = piece.lstrip() if lines[-1] else piece
        if lines[-1]:
            lines.append("")
        while len(rest) > width:
            end = head_length(rest, width)
            lines[-1], rest = rest[:end], rest[end:]
            lines.append("")
        lines[-1] = rest
    return [line.rstrip() for line in lines]


def head_length(text: str, most: int) -> int:
    """Return how much of a text without blanks stays in a line: up to its last hyphen, underscore or slash.

    Arguments:
        text: longer than the line.
        most: the maximum length of the line, which is the result if there is none of them in its second half.
    """
    end = 1 + max(text.rfind(each, 0, most) for each in "-_/")
    return end if end > most // 2 else most


def fit(headings: Sequence[str], rows: Sequence[Sequence[str]], width: int) -> list[int]:
    """Return the width of each column: as wide as its longest cell, or narrower if the row would be too long.

    The widest column becomes narrower first. Headings are broken before cells, and both between words before within.

    Arguments:
        headings: one per column; empty for a table without headings.
        rows: the cells, as many in each row; at least one row.
        width: the maximum length of a row.
    """
    columns = list(zip(*rows, strict=True))
    titles = headings or [""] * len(columns)
    cells = [max(map(len, column)) for column in columns]
    widths = [max(wide, len(title)) for wide, title in zip(cells, titles, strict=True)]
    title_words = [_longest_word(title) for title in titles]
    words = [min(LONGEST_WORD, max(map(_longest_word, column))) for column in columns]
    room = width - GAP * (len(columns) - 1)
    for least in (_maxima(cells, title_words), _maxima(words, title_words), [1] * len(columns)):
        while sum(widths) > room:
            shrinkable = [column for column, wide in enumerate(widths) if wide > least[column]]
            if not shrinkable:
                break
            widest = max(shrinkable, key=lambda column: widths[column])
            widths[widest] -= 1
    return widths


def can_keep_words(headings: Sequence[str], rows: Sequence[Sequence[str]], width: int) -> bool:
    """Return whether columns can be so narrow that a row fits without breaking a word of up to `KEPT_WORD` characters.

    Arguments:
        headings: one per column.
        rows: the cells, as many in each row.
        width: the maximum length of a row.
    """
    columns = list(zip(headings, *rows, strict=True))
    words = [max(min(KEPT_WORD, _longest_word(cell)) for cell in column) for column in columns]
    return sum(words) + GAP * (len(columns) - 1) <= width


def breaks_a_word(cells: Sequence[str], widths: Sequence[int], most: int) -> bool:
    """Return whether a word is wider than its column that would fit into a line of `most` characters."""
    return any(width < _longest_word(cell) <= most for cell, width in zip(cells, widths, strict=True))


def stack_row(headings: Sequence[str], cells: Sequence[str], width: int) -> Iterator[str]:
    """Yield a row as one line per cell, after its heading; empty cells are left out.

    Arguments:
        headings: one per cell.
        cells: the cells.
        width: the maximum length of a line.
    """
    wide = min(max(map(len, headings)), width // 2)
    for heading, cell in zip(headings, cells, strict=True):
        if cell:
            yield from lay_out_row((heading, cell), (wide, max(1, width - wide - GAP)), frozenset())


def lay_out_row(cells: Sequence[str], widths: Sequence[int], numeric: frozenset[int]) -> Iterator[str]:
    """Yield the lines of a row.

    Arguments:
        cells: one per column.
        widths: the width of each column.
        numeric: the columns that are aligned to the right.
    """
    wrapped = [wrap(cell, max(1, width)) for cell, width in zip(cells, widths, strict=True)]
    for number in range(max(map(len, wrapped))):
        parts = (lines[number] if number < len(lines) else "" for lines in wrapped)
        yield (
            (" " * GAP)
            .join(
                part.rjust(width) if column in numeric else part.ljust(width)
                for column, (part, width) in enumerate(zip(parts, widths, strict=True))
            )
            .rstrip()
        )


def _maxima(first: Sequence[int], second: Sequence[int]) -> list[int]:
    return [max(pair) for pair in zip(first, second, strict=True)]


def _longest_word(cell: str) -> int:
    return max(len(piece.strip()) for piece in _PIECE.findall(cell))
