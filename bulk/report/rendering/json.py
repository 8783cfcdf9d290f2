"""Renders a report as JSON for programs: every field, in ASCII. Pure."""

import json

import msgspec

from bulk.report.receipt import Receipt
from bulk.report.report import Report


def render_json(report: Report | Receipt) -> str:
    """Return a report or a receipt as indented JSON with sorted keys and a final line end.

    The same report gives the same bytes.
    """
    return json.dumps(msgspec.to_builtins(report), indent=2, sort_keys=True, ensure_ascii=True) + "\n"
