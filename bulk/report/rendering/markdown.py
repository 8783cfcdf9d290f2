"""Renders a report as Markdown, for a file that is kept as evidence. Pure."""

from collections.abc import Iterator

from bulk.report.rendering.document import Block, Bullets, Commands, Document, Figure, Table
from bulk.report.rendering.layout import lay_out
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
    parts = [f"# {markdown(document.title)}", ""]
    parts += [f"**{markdown(document.state_title)}.** {markdown(document.verdict, limit=None)}", ""]
    parts += _bullets(document.notes)
    for section in document.sections:
        parts += [f"## {markdown(section.title)}", ""]
        for block in section.blocks:
            parts += _block(block)
    return "\n".join(parts)


def _block(block: Block) -> list[str]:
    match block:
        case str():
            return [markdown(block, limit=None), ""]
        case Bullets():
            return _bullets(block.items)
        case Commands():
            return [line for what, command in block.lines for line in (f"{markdown(what)}:", "", f"    {command}", "")]
        case Figure():  # the tables beside it say the same
            return []
        case Table():
            caption = [f"### {markdown(block.caption)}", ""] if block.caption else []
            return [*caption, *_table(block), ""]


def _bullets(items: tuple[str, ...]) -> list[str]:
    return [*(f"- {markdown(item, limit=None)}" for item in items), ""] if items else []


def _table(table: Table) -> list[str]:
    if not table.rows:
        return ["None."]
    headings = table.headings or ("", "")
    marks = ["---:" if column in table.numeric else "---" for column in range(len(headings))]
    return [_row(headings), "| " + " | ".join(marks) + " |", *_rows(table)]


def _rows(table: Table) -> Iterator[str]:
    for number, row in enumerate(table.rows):
        yield _row(row, is_total=number in table.totals)


def _row(cells: tuple[str, ...], *, is_total: bool = False) -> str:
    shown = (markdown(cell, limit=CELL_MAX, in_cell=True) for cell in cells)
    return "| " + " | ".join(f"**{cell}**" if is_total and cell else cell for cell in shown) + " |"
