"""Turns a report into text: one function a format, each pure and the same byte for byte each time.

`bulk.report.rendering.html` is imported by itself: only who wants a page waits for jinja2.
"""

from bulk.report.rendering.json import render_json
from bulk.report.rendering.markdown import render_markdown
from bulk.report.rendering.text import render_text

__all__ = ["render_json", "render_markdown", "render_text"]
