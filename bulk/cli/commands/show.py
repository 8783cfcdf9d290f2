"""`posthog-bulk show`: show the review of a plan again, or one of its persons. Sends nothing."""

import json as json_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bulk.cli.options.connection_options import FILE
from bulk.cli.options.help_layout import WholeNumber, option
from bulk.cli.options.help_layout import command as help_command

if TYPE_CHECKING:
    from bulk.plan.plan_file import Plan, Target


@help_command("show")
@click.argument("plan", type=FILE)
@option("--target", "number", type=WholeNumber(0), metavar="N", help="Show only person N of the plan, counted from 0")
@option("--json", "json", is_flag=True, help="Write JSON to stdout")
def command(plan: Path, number: int | None, json: bool) -> int:
    """Show what PLAN does, its number of persons, its input check and its digest. Needs no network and no key.

    Reports name a person by its number in the plan; --target shows the person with that number.

    \b
    Example:
      posthog-bulk show leavers.plan.jsonl
    """
    from bulk.cli.display.plan_review import format_review, run_command_line
    from bulk.cli.job_session import CommandOutput
    from bulk.plan.plan_file import load_plan

    output = CommandOutput(json=False)
    with load_plan(plan) as loaded:
        if number is not None:
            target = _target(loaded, number)
            output.print(_as_json(_person_fields(target)) if json else _person_text(target))
        elif json:
            click.echo(_as_json(_plan_fields(loaded)))
        else:
            output.print(format_review(loaded, rate_limits="posthog", batch_size=250, width=output.width))
            output.print_command(f"\nTo run this plan:\n  {run_command_line(loaded)}")
    return 0


def _target(plan: "Plan", number: int) -> "Target":
    from bulk.formatting import count_of
    from bulk.sanitize import plain

    if number >= plan.count:
        persons = f"{count_of(plan.count, 'person')}, numbered from 0"
        raise click.UsageError(f"{plain(plan.path)} has no person {number}: it has {persons}")
    return plan.targets(number, number + 1)[0]


def _person_fields(target: "Target") -> dict[str, Any]:
    return {
        "number": target.number,
        "uuid": str(target.uuid),
        "created_at": target.created_at.isoformat(),
        "distinct_id": target.distinct_id,
    }


def _person_text(target: "Target") -> str:
    from bulk.cli.display.plan_review import aligned_rows
    from bulk.formatting import format_time
    from bulk.sanitize import plain

    rows = [
        ("Number", str(target.number)),
        ("UUID", str(target.uuid)),
        ("Created", format_time(target.created_at, seconds=True)),
        ("Distinct ID", plain(target.distinct_id or "", limit=None)),
    ]
    return "\n".join(aligned_rows(rows))


def _plan_fields(plan: "Plan") -> dict[str, Any]:
    import msgspec

    header: dict[str, Any] = msgspec.to_builtins(plan.header)
    return {**header, "count": plan.count, "digest": plan.digest, "findings": list(plan.findings)}


def _as_json(fields: dict[str, Any]) -> str:
    return json_module.dumps(fields, indent=2, ensure_ascii=True)
