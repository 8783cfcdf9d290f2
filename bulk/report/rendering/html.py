"""Renders a report as one HTML page without scripts; it loads nothing from elsewhere. Pure.

The layout is in `report.html.j2`. Text is made safe twice: control characters are replaced, then HTML is escaped.
"""

from importlib.resources import files

from jinja2 import Environment, StrictUndefined

from bulk.report.rendering.document import lay_out
from bulk.report.report import Report
from bulk.sanitize import plain

CELL_MAX = 2_000
"""Maximum length of a cell; JSON reports are complete."""


def render_html(report: Report) -> str:
    """Return a report as an HTML page.

    The same report gives the same bytes.
    """
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True
    )
    environment.filters["plain"] = lambda text, limit=None: plain(text, limit=limit)
    template = environment.from_string(files("bulk.report.rendering").joinpath("report.html.j2").read_text("utf-8"))
    return template.render(document=lay_out(report), state=report.duty.state, cell_max=CELL_MAX)
