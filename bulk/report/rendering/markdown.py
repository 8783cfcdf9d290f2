"""Renders a report as Markdown, for a file that is kept as evidence. Pure."""

from bulk.report.rendering.document import Document, Section, Table, lay_out
from bulk.report.report import Report
from bulk.sanitize import markdown

CELL_MAX = 2_000
"""Maximum length of a cell; JSON reports are complete."""


def render_markdown(report: Report) -> str:
    """Return a report as Markdown with tables.

    The same report gives the same bytes.
    """
    return document_markdown(lay_out(report))


def document_markdown(document: Document) -> str:
    """Return a document as Markdown with tables."""
    parts = [f"# {markdown(document.title)}", "", f"**{markdown(document.verdict, limit=None)}**", ""]
    for section in document.sections:
        parts += _section(section)
    return "\n".join(parts)


def _section(section: Section) -> list[str]:
    lines = [f"## {markdown(section.title)}", ""]
    for sentence in section.sentences:
        lines += [markdown(sentence, limit=None), ""]
    if section.table is not None:
        lines += [*_table(section.table), ""]
    return lines


def _table(table: Table) -> list[str]:
    if not table.rows:
        return ["None."]
    headings = table.headings or ("", "")
    marks = ["---:" if column in table.numeric else "---" for column in range(len(headings))]
    return [_row(headings), "| " + " | ".join(marks) + " |", *(_row(row) for row in table.rows)]


def _row(cells: tuple[str, ...]) -> str:
    return "| " + " | ".join(markdown(cell, limit=CELL_MAX) for cell in cells) + " |"
