"""Renders a report as plain text for a terminal of any width. Pure."""

from bulk.report.rendering.document import Block, Bullets, Commands, Document, Figure, Section, Table
from bulk.report.rendering.layout import lay_out
from bulk.report.rendering.wrapping import breaks_a_word, can_keep_words, fit, lay_out_row, stack_row, wrap
from bulk.report.report import Report
from bulk.sanitize import plain

CELL_MAX = 2_000
"""Maximum length of a cell, as in Markdown; JSON reports are complete."""
WIDTH = 80
"""Characters per line where no width is given: those of an email, and of a terminal that tells no size."""


def render_text(report: Report, *, width: int = WIDTH) -> str:
    """Return a report as lines of text, each with a line end.

    The same report gives the same bytes.

    Arguments:
        report: the report.
        width: maximum length of a line.
    """
    return document_text(lay_out(report), width=width)


def document_text(document: Document, *, width: int = WIDTH) -> str:
    """Return a document as lines of text, each with a line end."""
    parts = [plain(document.title), "", plain(document.state_title).upper()]
    parts += wrap(plain(document.verdict, limit=None), width)
    parts += _bullets(document.notes, width)
    for section in document.sections:
        if not section.is_form:  # to be printed
            parts += ["", *section_lines(section, width=width)]
    return "\n".join(parts) + "\n"


def section_lines(section: Section, *, width: int = WIDTH) -> list[str]:
    """Return a section as lines without line ends, indented below its title."""
    lines: list[str] = []
    for block in section.blocks:
        if lines and (isinstance(block, Bullets) or (isinstance(block, Table) and block.rows)):
            lines.append("")
        lines += _block(block, width - 2)
    return [plain(section.title), *(f"  {line}".rstrip() for line in lines)]


def _block(block: Block, width: int) -> list[str]:
    match block:
        case str():
            return wrap(plain(block, limit=None), width)
        case Bullets():
            return _bullets(block.items, width)
        case Commands():  # never broken, because they are copied
            return [line for what, command in block.lines for line in (*wrap(f"{what}:", width), f"  {command}")]
        case Figure():  # the tables beside it say the same
            return []
        case Table():
            caption = wrap(plain(block.caption), width) if block.caption else []
            return [*caption, *table_lines(block, width=width)]


def _bullets(items: tuple[str, ...], width: int) -> list[str]:
    lines = []
    for item in items:
        first, *others = wrap(plain(item, limit=None), max(1, width - 2))
        lines += [f"- {first}", *(f"  {line}" for line in others)]
    return lines


def table_lines(table: Table, *, cell_max: int = CELL_MAX, width: int = WIDTH - 2) -> list[str]:
    """Return a table as aligned lines; long cells continue on the next line.

    If the columns are too narrow for their words, each row becomes several lines, with a blank line between rows.

    Arguments:
        table: the table to show.
        cell_max: maximum length of a cell.
        width: maximum length of a line.
    """
    if not table.rows:
        return ["none"]
    rows = [[plain(cell, limit=cell_max) for cell in row] for row in table.rows]
    headings = [plain(cell) for cell in table.headings]
    if headings and not can_keep_words(headings, rows, width):
        return [line for row in rows for line in ("", *stack_row(headings, row, width))][1:]
    widths = fit(headings, rows, width)
    shown = [headings, *rows] if headings else rows
    return [
        line
        for row in shown
        for line in (
            _below_its_name(row, width)
            if not headings and breaks_a_word(row[1:], widths[1:], width - 2)
            else lay_out_row(row, widths, table.numeric)
        )
    ]


def _below_its_name(row: list[str], width: int) -> list[str]:
    """Return a fact whose value, such as a digest, is wider than its column: the value stands whole in its own line."""
    name, *values = row
    return [*wrap(name, width), *(f"  {line}" for value in values for line in wrap(value, width - 2))]
