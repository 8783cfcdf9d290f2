"""Renders a report as text, Markdown or JSON: one pure function per format, with the same bytes each time.

`bulk.report.rendering.html` is not imported here, so that only those who want HTML load jinja2.
"""

from bulk.report.rendering.json import render_json
from bulk.report.rendering.markdown import render_markdown
from bulk.report.rendering.text import render_text

__all__ = ["render_json", "render_markdown", "render_text"]
