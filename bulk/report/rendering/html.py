"""Renders a report as one HTML page without scripts; it loads nothing from elsewhere. Pure.

The layout is in `report.html.j2`. Text is made safe twice: control characters are replaced, then HTML is escaped.
"""

import re
from functools import cache
from importlib.resources import files

from jinja2 import Environment, StrictUndefined, Template
from markupsafe import Markup, escape

from bulk.report.rendering.document import Document, Table
from bulk.report.rendering.layout import lay_out
from bulk.report.report import Report
from bulk.sanitize import plain

NARROW_COLUMNS = 3
"""Columns of a table that a phone shows side by side."""
LONGEST_KEPT = 24
"""Characters of a word that is not broken within."""
_WITH_HYPHENS = re.compile(r"(--[a-z]+(?:-[a-z]+)*|posthog-bulk|[0-9]{4}-[0-9]{2}-[0-9]{2})")
"""Words in which a browser would break a line at a hyphen."""
CELL_MAX = 2_000
"""Maximum length of a cell; JSON reports are complete."""


def render_html(report: Report) -> str:
    """Return a report as an HTML page.

    The same report gives the same bytes.
    """
    return document_html(lay_out(report))


def document_html(document: Document) -> str:
    """Return a document as an HTML page."""
    return _template().render(document=document, cell_max=CELL_MAX, longest_kept=LONGEST_KEPT, kind=_kind)


@cache
def _template() -> Template:
    """Return the compiled layout: compiling takes longer than most pages."""
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True
    )
    environment.filters["plain"] = lambda text, limit=None: plain(text, limit=limit)
    environment.filters["longest_word"] = _longest_word
    environment.tests["stacked"] = _is_stacked
    environment.filters["unbroken"] = _unbroken
    return environment.from_string(files("bulk.report.rendering").joinpath("report.html.j2").read_text("utf-8"))


def _longest_word(text: str) -> int:
    return max(map(len, text.split()), default=0)


def _unbroken(text: str) -> Markup:
    """Return escaped text in which no line is broken within an option, the name of the command or a day."""
    parts = _WITH_HYPHENS.split(text)
    kept = Markup('<span class="word">{}</span>')
    return Markup().join(kept.format(part) if number % 2 else escape(part) for number, part in enumerate(parts))


def _is_stacked(table: Table) -> bool:
    """Return whether the rows of a table are too wide for a phone, which then shows one cell per line."""
    cells = [cell for row in table.rows for cell in row]
    return len(table.headings) > NARROW_COLUMNS or (
        bool(table.headings) and max(map(_longest_word, cells), default=0) > LONGEST_KEPT
    )


def _kind(block: object) -> str:
    """Return the name of a block's type, by which the template chooses its layout."""
    return "text" if isinstance(block, str) else type(block).__name__.lower()
