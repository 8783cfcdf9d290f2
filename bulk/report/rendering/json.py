"""A report as JSON, for programs: every field, in ASCII. Pure."""

import json

import msgspec

from bulk.report.report import Report


def render_json(report: Report) -> str:
    """Return a report as indented JSON with sorted keys, the last line ended.

    Args:
        report: rendered the same each time.
    """
    return json.dumps(msgspec.to_builtins(report), indent=2, sort_keys=True, ensure_ascii=True) + "\n"
