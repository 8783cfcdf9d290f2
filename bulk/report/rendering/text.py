"""Renders a report as plain text for a terminal of any width. Pure."""

from bulk.report.rendering.document import Document, Section, Table, lay_out
from bulk.report.report import Report
from bulk.sanitize import plain

CELL_MAX = 60
"""Maximum length of a cell; Markdown and JSON reports show more."""
VALUE_MAX = 100


def render_text(report: Report) -> str:
    """Return a report as lines of text, each with a line end.

    The same report gives the same bytes.
    """
    return document_text(lay_out(report))


def document_text(document: Document) -> str:
    """Return a document as lines of text, each with a line end."""
    parts = [plain(document.title), "", plain(document.verdict, limit=None)]
    for section in document.sections:
        parts += ["", *section_lines(section)]
    return "\n".join(parts) + "\n"


def section_lines(section: Section) -> list[str]:
    """Return a section as lines without line ends."""
    lines = [plain(section.title)]
    lines += [f"  {plain(sentence, limit=None)}" for sentence in section.sentences]
    if section.table is not None:
        lines += [f"  {line}".rstrip() for line in table_lines(section.table)]
    return lines


def table_lines(table: Table, *, cell_max: int = CELL_MAX) -> list[str]:
    """Return a table as aligned lines.

    Arguments:
        table: the table to show.
        cell_max: maximum length of a cell; tables without headings use VALUE_MAX.
    """
    if not table.rows:
        return ["none"]
    limit = cell_max if table.headings else VALUE_MAX
    rows = [[plain(cell, limit=limit) for cell in row] for row in table.rows]
    if table.headings:
        rows.insert(0, [plain(cell) for cell in table.headings])
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return [
        "  ".join(
            cell.rjust(width) if column in table.numeric else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
