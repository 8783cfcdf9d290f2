"""What is shown of a plan before it is approved. Reads the plan file; sends nothing."""

import shlex
from collections.abc import Iterator
from pathlib import Path

from asyncclient import RateLimits
from bulk.cli.words import duration
from bulk.escape import plain
from bulk.estimate import estimate
from bulk.findings import by_kind
from bulk.operations import from_dict
from bulk.plan import Plan, Target, short_digest
from bulk.rendering.document import Table, figure, finding_rows, operation_words
from bulk.rendering.text import table_lines
from bulk.selection import describe

SAMPLE = 5
LINES_MAX = 10_000
"""Characters of line numbers that one finding shows; the plan's last line and the report have all."""


def review(plan: Plan, *, rate_limits: str, batch_size: int) -> str:
    """Return the review of a plan as text.

    Args:
        plan: the plan.
        rate_limits: as the option gives them.
        batch_size: persons a deletion call.
    """
    header = plan.header
    lines = [
        f"Plan      {plain(plan.path)}",
        f"Project   {header.project_id} ({plain(header.project_name)}) on {plain(header.host)}",
        f"To do     {operation_words(header.operation)}",
        f"For       {plain(describe(header.selection.get('details', {})))}",
        f"Targets   {figure(plan.count)}",
        *_cost(plan, rate_limits, batch_size),
        "",
        f"Sample of {min(SAMPLE, plan.count)}",
        *(f"  {line}" for line in table_lines(_sample(plan))),
        "",
        "Input and reach",
        *(f"  {line}" for line in table_lines(_findings(plan), cell_max=LINES_MAX)),
        "",
        f"Digest    {plan.digest}",
        f"  short   {short_digest(plan.digest)}",
    ]
    return "\n".join(lines)


def run_line(plan: Plan) -> str:
    """The command line that runs a plan, to be typed next."""
    return f"posthog-bulk run {shlex.quote(plain(plan.path, limit=None))} --approve {short_digest(plan.digest)}"


def resume_line(arguments: tuple[str, ...], plan: Path) -> str:
    """The command line that goes on with a job whose files were named for it.

    Args:
        arguments: of this command.
        plan: the plan file.
    """
    words = ["posthog-bulk", *arguments, "--plan", str(plan)]
    return plain(shlex.join(words), limit=None)


def _cost(plan: Plan, rate_limits: str, batch_size: int) -> Iterator[str]:
    cost = estimate(
        from_dict(plan.header.operation),
        plan.count,
        batch_size=batch_size,
        rates=RateLimits.parse(rate_limits),
    )
    yield (
        f"Requests  {figure(cost.requests)} at least: {figure(cost.deletes)} deletion calls of up to "
        f"{batch_size} persons, {figure(cost.reads)} reads"
    )
    least = f"{duration(cost.seconds)} at least" if cost.seconds >= 1 else "no waiting"
    yield f"Time      {least} at the limits ({plain(rate_limits)})"


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


def _findings(plan: Plan) -> Table:
    return Table(
        headings=("Finding", "Count", "Which lines"),
        rows=tuple(finding_rows(by_kind(plan.findings))),
        numeric=frozenset({1}),
    )
