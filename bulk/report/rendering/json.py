"""Renders a report as JSON for programs: every field, in ASCII. Pure."""

import json

import msgspec

from bulk.report.receipt import Receipt
from bulk.report.report import Report, with_duty_verdict


def render_json(report: Report | Receipt) -> str:
    """Return a report or a receipt as indented JSON with sorted keys and a final line end.

    The same report gives the same bytes.
    """
    shown = with_duty_verdict(report) if isinstance(report, Report) else report
    return indented_json(shown)


def indented_json(value: object) -> str:
    """Return a struct as indented JSON with sorted keys and a final line end."""
    return json.dumps(msgspec.to_builtins(value), indent=2, sort_keys=True, ensure_ascii=True) + "\n"
