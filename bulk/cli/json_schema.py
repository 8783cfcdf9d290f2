"""Makes the JSON schema of --json from the structs that commands write.

python -m bulk.cli.json_schema > bulk/cli/output.schema.json
"""

import json
import sys
from typing import Any, get_args

import msgspec

from bulk.cli.json_output import CommandLine, WaitShown
from bulk.events import JobEvent, PlanProgress
from bulk.report.receipt import Receipt
from bulk.report.report import Report

TITLE = "What posthog-bulk writes to stdout with --json"
DESCRIPTION = (
    "Each line is one JSON object whose field `event` names its kind, described below. Fields and kinds may be added "
    "and are never removed or renamed: ignore those that you do not know. Two commands write something else: "
    "`report --json` one indented document, `#/$defs/Report`, or `#/$defs/Receipt` with --find or --reference, and "
    "`persons --json` without --output one person of "
    "PostHog's API per line."
)

_COMMON: dict[str, Any] = {
    "at": {"type": "string", "description": "The time of the line, ISO 8601 in UTC."},
    "phase": {"type": ["string", "null"], "description": "The phase of the job, if it is in one."},
    "wait": {"anyOf": [{"$ref": "#/$defs/WaitShown"}, {"type": "null"}], "description": "The wait that is under way."},
}
"""The fields that every line has."""


def output_schema() -> dict[str, Any]:
    """Return the JSON schema of a line (draft 2020-12), with the report among its definitions."""
    lines = [*get_args(CommandLine), *get_args(JobEvent), PlanProgress]
    references, definitions = msgspec.json.schema_components(
        [*lines, WaitShown, Report, Receipt], ref_template="#/$defs/{name}"
    )
    for line in lines:
        definition = definitions[line.__name__]
        definition["properties"] |= {**_COMMON, **definition["properties"], "wait": _COMMON["wait"]}
        definition["required"] = [*dict.fromkeys([*definition["required"], *_COMMON])]
    del definitions["Wait"], definitions["WaitKind"]  # a line has WaitShown in their place
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": TITLE,
        "description": DESCRIPTION,
        "anyOf": list(references[:-3]),
        "$defs": definitions,
    }


if __name__ == "__main__":
    sys.stdout.write(json.dumps(output_schema(), indent=2) + "\n")
