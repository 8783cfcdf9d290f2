"""`posthog-bulk show`: show the review of a plan again, some of its persons, or an input line. Sends nothing."""

import re
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bulk.cli.options.connection_options import FILE
from bulk.cli.options.help_layout import WholeNumber, option
from bulk.cli.options.help_layout import command as help_command

if TYPE_CHECKING:
    from bulk.cli.display.plan.plan_targets import Changes
    from bulk.cli.job_session import CommandOutput
    from bulk.plan.plan_file import Plan, Target
    from bulk.selection.inputs.line_outcome import LineOutcome

_RANGES = re.compile(r"\d{1,12}(-\d{1,12})?(,\d{1,12}(-\d{1,12})?)*", re.ASCII)
_AT_ONCE = 1_000
"""Persons per table, and persons that are written before the reader of stdout is waited for."""


@help_command("show")
@click.argument("plan", type=FILE)
@option(
    "--target",
    "numbers",
    metavar="N",
    help="Show only these persons of the plan, counted from 0: a number, or several as in 4-7,9",
)
@option(
    "--line",
    "line",
    type=WholeNumber(1, is_count=False),
    metavar="N",
    help="Show only what input line N selected, or why it selected no person",
)
@option("--json", "json", is_flag=True, help="Write JSON to stdout: the plan, or one line per person")
def command(plan: Path, numbers: str | None, line: int | None, json: bool) -> int:
    """Show what PLAN does, its number of persons, its input check and its digest. Needs no network and no key.

    Reports name persons by their numbers in the plan, and the input check names input lines by their numbers. --target
    and --line show which persons these are and, in a plan with values per person, the values of each.

    \b
    Example:
      posthog-bulk show leavers.plan.jsonl
      posthog-bulk show leavers.plan.jsonl --target 0-2
      posthog-bulk show leavers.plan.jsonl --line 1
    """
    from bulk.cli.display.plan.plan_review import format_review, run_command_line
    from bulk.cli.job_session import CommandOutput
    from bulk.jobs.destroyed_plan import refuse_destroyed
    from bulk.jobs.job_files import journal_of
    from bulk.plan.plan_file import load_plan

    if numbers is not None and line is not None:
        raise click.UsageError("--target and --line cannot be combined")
    ranges = [] if numbers is None else _ranges(numbers)
    output = CommandOutput(json=False)
    refuse_destroyed(plan, journal_of(plan), so="its persons cannot be shown any more")
    with load_plan(plan) as loaded:
        if numbers is not None:
            _show_targets(loaded, ranges, output, json=json)
        elif line is not None:
            _show_line(loaded, line, output, json=json)
        elif json:
            _write("show", _plan_fields(loaded))
        else:
            today = datetime.now(UTC).date()
            output.print(format_review(loaded, rate_limits="posthog", batch_size=250, width=output.width, today=today))
            output.print_command(f"\nTo run this plan:\n  {run_command_line(loaded)}")
    return 0


def _ranges(text: str) -> list[tuple[int, int]]:
    """Return the ranges of numbers, each as (first, last + 1)."""
    from bulk.number_ranges import parse_ranges

    bare = text.replace(" ", "")
    try:
        if not _RANGES.fullmatch(bare):
            raise ValueError
        return list(parse_ranges(bare))
    except ValueError:
        raise click.BadParameter(
            f"{text!r} does not name persons: give numbers and ranges in ascending order, as in 4-7,9. Whether a "
            "person with an ID is part of a job that has begun: posthog-bulk report JOURNAL --find ID",
            param_hint="'--target'",
        ) from None


def _show_targets(plan: "Plan", ranges: list[tuple[int, int]], output: "CommandOutput", *, json: bool) -> None:
    from bulk.cli.display.plan.plan_targets import person_text, persons_text
    from bulk.formatting import count_of
    from bulk.sanitize import plain

    last = ranges[-1][1] - 1
    if last >= plan.count:
        persons = f"{count_of(plan.count, 'person')}, numbered from 0"
        raise click.UsageError(f"{plain(plan.path)} has no person {last}: it has {persons}")
    is_one = ranges == [(last, last + 1)]
    for targets in _chunks(plan, ranges):
        changes = _changes(plan, targets)
        if json:
            for target in targets:
                _write("target", _person_fields(target, changes))
        elif is_one:
            output.print(person_text(targets[0], changes))
        else:
            output.print(persons_text(targets, changes, width=output.width))
        _wait_for_reader()


def _chunks(plan: "Plan", ranges: list[tuple[int, int]]) -> Iterator[list["Target"]]:
    """Yield the targets of ranges, some at a time."""
    found: list[Target] = []
    for start, stop in ranges:
        for first in range(start, stop, _AT_ONCE):
            found += plan.targets(first, min(first + _AT_ONCE, stop))
            if len(found) >= _AT_ONCE:
                yield found
                found = []
    if found:
        yield found


def _show_line(plan: "Plan", number: int, output: "CommandOutput", *, json: bool) -> None:
    import msgspec

    from bulk.cli.display.plan.plan_targets import line_text
    from bulk.selection.inputs.line_outcome import SELECTED

    targets = [target for target in plan.iter() if target.line == number]
    outcome = SELECTED if targets else _outcome(plan, number)
    changes = _changes(plan, targets)
    if json:
        persons = [_person_fields(target, changes) for target in targets]
        _write("line", {"line": number, **msgspec.to_builtins(outcome), "targets": persons})
        return
    output.print(line_text(number, outcome, targets, changes, width=output.width))
    if outcome.repeats is not None:
        _show_line(plan, outcome.repeats, output, json=False)


def _outcome(plan: "Plan", number: int) -> "LineOutcome":
    """Return why a line selected no person; raises UsageError where the plan does not know."""
    from bulk.formatting import count_of, format_count
    from bulk.sanitize import plain
    from bulk.selection.input_findings import by_kind
    from bulk.selection.inputs.line_outcome import is_cut, line_outcome, not_a_line
    from bulk.selection.selections import describe

    findings = by_kind(plan.findings)
    if (outcome := line_outcome(findings, number)) is not None:
        return outcome
    path = plain(plan.path)
    if "lines" not in findings:
        selected = plain(describe(plan.header.selection.get("details", {})))
        raise click.UsageError(f"{path} has no input lines: it selects {selected}")
    selecting = (target.line for target in plan.iter() if target.line is not None)
    if (first := next(selecting, None)) is None:
        raise click.UsageError(
            f"{path} does not record which line selected which person, because an earlier version made it; "
            "make a new plan"
        )
    if is_cut(findings):
        lines = count_of(int(findings["lines"].get("count", 0)), "line")
        raise click.UsageError(
            f"{path} has nothing about line {format_count(number)} of the {lines} of its input: the plan does not name "
            "all of them, because there are too many"
        )
    why = not_a_line(findings, chain([first], selecting), number)
    raise click.UsageError(f"line {format_count(number)} of the input of {path} {why}")


def _changes(plan: "Plan", targets: Sequence["Target"]) -> "Changes":
    """Return the values that these persons get, by number; empty where all persons of the plan get the same."""
    if plan.header.operation.get("kind") != "update-per-person":
        return {}
    return plan.changes([target.number for target in targets])


def _person_fields(target: "Target", changes: "Changes") -> dict[str, Any]:
    change = changes.get(target.number)
    values = change and {"set": change.values, "set_once": change.once, "unset": change.absent}
    return {
        "number": target.number,
        "uuid": str(target.uuid),
        "created_at": target.created_at.isoformat(),
        "distinct_id": target.distinct_id,
        "line": target.line,
        "values": values,
    }


def _plan_fields(plan: "Plan") -> dict[str, Any]:
    import msgspec

    from bulk.report.parts.input_report import input_report
    from bulk.selection.input_findings import by_kind
    from bulk.selection.inputs.coverage import coverage_of

    header: dict[str, Any] = msgspec.to_builtins(plan.header)
    covered = msgspec.to_builtins(input_report(coverage_of(by_kind(plan.findings))))
    counted = {
        "count": plan.count,
        "digest": plan.digest,
        "file_sha256": plan.file_digest,
        "findings": list(plan.findings),
        "input": covered,
    }
    record = msgspec.to_builtins(plan.header.record)
    return {"path": str(plan.path), **header, "record": record, **counted}


def _write(kind: str, fields: dict[str, Any]) -> None:
    from bulk.cli.display.json_events import command_event

    click.echo(command_event(kind, fields).decode(), nl=False)


def _wait_for_reader() -> None:
    """Wait until stdout is written, so that memory use does not grow with the plan."""
    from bulk.cli.streams.text import as_text_output

    if (stdout := as_text_output(sys.stdout)) is not None:
        stdout.drain()
