"""Renders a report as JSON for programs: every field, in ASCII. Pure."""

import json

import msgspec

from bulk.report.report import Report, of_duty


def render_json(report: Report) -> str:
    """Return a report as indented JSON with sorted keys and a final line end.

    The same report gives the same bytes.
    """
    return json.dumps(msgspec.to_builtins(of_duty(report)), indent=2, sort_keys=True, ensure_ascii=True) + "\n"
