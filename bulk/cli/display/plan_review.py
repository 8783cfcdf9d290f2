"""What is shown of a plan before it is approved. Reads the plan file; sends nothing."""

import json
from collections.abc import Iterator
from itertools import chain, repeat
from pathlib import Path
from typing import Any

from bulk.cli.display.cost_lines import cost_lines
from bulk.operations import Operation, UpdateProperties, from_dict
from bulk.operations import describe as describe_operation
from bulk.plan.plan_file import Plan, Target, short_digest
from bulk.report.rendering.document import Table, discovery_sentences, figure, finding_rows
from bulk.report.rendering.text import table_lines
from bulk.sanitize import file_word, plain, shell_word
from bulk.selection.input_findings import by_kind
from bulk.selection.selections import describe

SAMPLE = 5
VALUE_MAX = 1_000
"""Characters of one value that an update sets."""
LINES_MAX = 10_000
"""Characters of line numbers that one finding shows; the plan's last line and the report have all."""


def review(plan: Plan, *, rate_limits: str, batch_size: int) -> str:
    """Return the review of a plan as text.

    Args:
        plan: the plan.
        rate_limits: as the option gives them.
        batch_size: persons per bulk request.
    """
    header, findings = plan.header, by_kind(plan.findings)
    operation = from_dict(header.operation)
    lines = [
        f"Plan      {plain(plan.path)}",
        f"Project   {header.project_id} ({plain(header.project_name)}) on {plain(header.host)}",
        f"To do     {plain(describe_operation(header.operation))}",
        *_values(operation),
        f"Selected  {plain(describe(header.selection.get('details', {})))}",
        f"Targets   {figure(plan.count)}",
        *cost_lines(operation, plan.count, rate_limits=rate_limits, batch_size=batch_size),
        "",
        f"Sample of {min(SAMPLE, plan.count)}",
        *(f"  {line}" for line in table_lines(_sample(plan))),
        "",
        "Input check",
        *(f"  {line}" for line in table_lines(_findings(findings), cell_max=LINES_MAX)),
        *(f"  {plain(sentence, limit=None)}" for sentence in discovery_sentences(findings)),
        "",
        f"Digest    {plan.digest}",
        f"  short   {short_digest(plan.digest)}",
    ]
    return "\n".join(lines)


def run_line(plan: Plan) -> str:
    """The command line that runs a plan, to be typed next."""
    return f"posthog-bulk run {file_word(str(plan.path))} --approve {short_digest(plan.digest)}"


def resume_line(arguments: tuple[str, ...], plan: Path) -> str:
    """The command line that goes on with a job whose files were named for it.

    Args:
        arguments: of this command.
        plan: the plan file.
    """
    command, *rest = arguments
    words = ["posthog-bulk", command, "--plan", str(plan), *rest]  # what follows a -- would be no option any more
    return " ".join(shell_word(word) for word in words)


def _values(operation: Operation) -> Iterator[str]:
    """What is set to what; the plan holds it, so that it may be shown, and nothing after it does."""
    if not isinstance(operation, UpdateProperties):
        return
    for heading, (key, value) in zip(chain(("Values",), repeat("")), operation.properties.items(), strict=False):
        text = json.dumps(value, ensure_ascii=False)
        yield f"{heading:<9} {plain(key)} = {plain(text, limit=VALUE_MAX)}"


def _sample(plan: Plan) -> Table:
    return Table(
        headings=("Target", "Person", "Created", "Known by"),
        rows=tuple(
            (str(one.number), str(one.uuid), one.created_at.isoformat(timespec="seconds"), one.distinct_id or "")
            for one in _spread(plan)
        ),
    )


def _spread(plan: Plan) -> Iterator[Target]:
    """A few targets from all over the plan."""
    shown = min(SAMPLE, plan.count)
    for index in range(shown):
        number = index * plan.count // shown
        yield from plan.targets(number, number + 1)


def _findings(findings: dict[str, dict[str, Any]]) -> Table:
    return Table(
        headings=("Finding", "Count", "Which lines"),
        rows=tuple(finding_rows(findings)),
        numeric=frozenset({1}),
    )
