"""A report as one HTML page, to be read, printed or attached: no script, nothing loaded from elsewhere. Pure.

The layout is the template beside this file. Text is made harmless twice: by its code points, then by autoescaping.
"""

from importlib.resources import files

from jinja2 import Environment, StrictUndefined

from bulk.report.rendering.document import lay_out
from bulk.report.report import Report
from bulk.sanitize import plain

CELL_MAX = 2_000
"""Characters of one cell; the JSON report has all."""


def render_html(report: Report) -> str:
    """Return a report as a page, the last line ended.

    Args:
        report: rendered the same each time.
    """
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True
    )
    environment.filters["plain"] = lambda text, limit=None: plain(text, limit=limit)
    template = environment.from_string(files("bulk.report.rendering").joinpath("report.html.j2").read_text("utf-8"))
    return template.render(document=lay_out(report), ok=report.exit_code == 0, cell_max=CELL_MAX)
