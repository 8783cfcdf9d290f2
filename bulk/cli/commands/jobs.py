"""`posthog-bulk jobs`: list the jobs of a folder."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bulk.cli.options.connection_options import FILE
from bulk.cli.options.help_layout import command as help_command
from bulk.cli.options.help_layout import option

if TYPE_CHECKING:
    from bulk.cli.job_session import CommandOutput
    from bulk.jobs.job_summary import JobSummary
    from bulk.without_person.report import WithoutPersonReport


@help_command("jobs")
@click.argument("folder", type=FILE, default=".")
@option("--json", "json", is_flag=True, help="Write one JSON object per job to stdout")
def command(folder: Path, json: bool) -> int:
    """List the jobs in FOLDER, by default the current one: what each does, where, how far it is, what to run next.

    This reads plans and journals (*.plan.jsonl, *.journal.jsonl) and needs no network and no key. It changes nothing
    and disturbs no job that is running.

    \b
    Example:
      posthog-bulk jobs
    """
    from bulk.cli.job_session import CommandOutput, show_long_reads
    from bulk.jobs.job_search import list_jobs
    from bulk.jobs.job_summary import JobState
    from bulk.sanitize import plain
    from bulk.without_person.job_files import list_without_person

    output, now = CommandOutput(json=json), datetime.now(UTC)
    with show_long_reads() as on_read:
        jobs = list_jobs(folder, on_read=on_read)
        without_person = list(list_without_person(folder))
    for number, (path, found) in enumerate(without_person):
        if number:
            output.print("")
        show_without_person_job(path, found, output)
    if not jobs and not without_person:
        output.print(f"No jobs in {plain(folder.resolve())}")
    for number, job in enumerate(jobs):
        if json:
            output.write_event("job", **job_fields(job, now=now))
        else:
            for line in ([""] if number or without_person else []) + job_lines(job, now=now):
                if job.duty is not None and job.state is JobState.FINISHED and line.startswith("State "):
                    output.print_state(line, job.duty)
                else:
                    output.print_row(line)
    return 0


def show_without_person_job(journal: Path, found: "WithoutPersonReport | str", output: "CommandOutput") -> None:
    """Show a job for events without a person.

    Arguments:
        journal: of the job.
        found: its report, or why it cannot be read.
        output: where to show it.
    """
    from bulk.cli.commands.operations.without_person import show_without_person
    from bulk.sanitize import plain

    if not isinstance(found, str):
        output.print(f"Journal of events without a person: {plain(journal)}")
        show_without_person(found, journal, output)
        return
    output.print(f"Problem: {plain(found, limit=None)}")
    output.write_event("events_without_person", journal=str(journal), report=None, problem=found)


def job_lines(job: "JobSummary", *, now: datetime) -> list[str]:
    """Return a job in a few lines for people.

    Arguments:
        job: the job.
        now: the time, for what is overdue.
    """
    from bulk.cli.display.plan.plan_review import aligned_rows
    from bulk.formatting import count_of, format_time
    from bulk.jobs.job_files import plan_of
    from bulk.jobs.job_summary import JobState
    from bulk.operations import describe as describe_operation
    from bulk.report.rendering.sections.request_rows import due_rows
    from bulk.requests.due_dates import as_of
    from bulk.sanitize import plain
    from bulk.selection.selections import describe as describe_selection

    rows = [("Job", plain(job.plan or job.journal))]
    problem = [] if job.problem is None else [("Problem", plain(job.problem, limit=None))]
    if job.state is JobState.UNREADABLE:
        rows += [("State", "unreadable"), *problem]
        return list(aligned_rows(rows))
    project = str(job.project_id) + (f" ({plain(job.project_name)})" if job.project_name is not None else "")
    rows += [
        ("Operation", f"{plain(describe_operation(job.operation))}; {count_of(job.count, 'person')}"),
        ("Project", f"{project} on {plain(job.host)}"),
        ("Selected", plain(describe_selection(job.selection))),
        ("State", _state_words(job)),
        *((title, text) for title, text in due_rows(as_of(job.due, now), today=now.date())),
        *problem,
    ]
    if job.shredded_at is not None:
        rows.append(("Plan destroyed", format_time(job.shredded_at)))
    if job.last_entry_at is not None:
        rows.append(("Updated", format_time(job.last_entry_at)))
    elif job.planned_at is not None:
        rows.append(("Planned", format_time(job.planned_at)))
    if (line := next_command(job)) is not None:
        rows.append(("Next", line))
    elif job.state is JobState.UNFINISHED and job.shredded_at is None:
        missing = plain(plan_of(job.journal))
        rows.append(("Fix", f"restore the plan {missing} from a copy; without one, make a plan under another name"))
    return list(aligned_rows(rows))


def job_fields(job: "JobSummary", *, now: datetime) -> dict[str, Any]:
    """Return a job as the fields of a JSON event; arguments as in `job_lines`."""
    import msgspec

    from bulk.jobs.job_summary import JobState
    from bulk.operations import describe as describe_operation
    from bulk.requests.due_dates import as_of
    from bulk.selection.selections import describe as describe_selection

    is_readable = job.state is not JobState.UNREADABLE
    return {
        "plan": None if job.plan is None else str(job.plan),
        "journal": str(job.journal),
        "state": job.state.value.replace(" ", "_"),
        "operation": describe_operation(job.operation) if is_readable else None,
        "selected": describe_selection(job.selection) if is_readable else None,
        "host": job.host if is_readable else None,
        "project_id": job.project_id if is_readable else None,
        "count": job.count if is_readable else None,
        "done": job.done if is_readable else None,
        "planned_at": job.planned_at,
        "last_entry_at": job.last_entry_at,
        "finished_at": job.finished_at,
        "exit_code": None if job.duty is None else job.duty.exit_code,
        "verdict": None if job.duty is None else job.duty.sentence,
        "duty": None if job.duty is None else job.duty.state,
        "next": next_command(job),
        "problem": job.problem,
        "due": msgspec.to_builtins(as_of(job.due, now)),
        "shredded_at": job.shredded_at,
    }


def next_command(job: "JobSummary") -> str | None:
    """Return the command line to run next for a job; None if there is none."""
    from bulk.jobs.job_summary import JobState
    from bulk.jobs.next_run import run_command, verify_line
    from bulk.sanitize import file_word

    match job.state:
        case JobState.NOT_STARTED | JobState.UNFINISHED:
            return None if job.plan is None else run_command(job)
        case JobState.RUNNING:
            return f"posthog-bulk status {file_word(str(job.journal))} --watch"
        case JobState.FINISHED:
            if job.duty is None or not job.duty.waiting_for or job.plan is None:
                return f"posthog-bulk report {file_word(str(job.journal))}"
            return verify_line(job.plan, job.journal)
        case JobState.UNREADABLE:
            return None


def _state_words(job: "JobSummary") -> str:
    from bulk.jobs.job_summary import JobState
    from bulk.jobs.next_run import progress_words
    from bulk.sanitize import plain

    match job.state:
        case JobState.NOT_STARTED:
            return "not started" if job.plan is not None else "not started, and its plan is missing"
        case JobState.FINISHED:
            return "finished" if job.duty is None else f"finished. {plain(job.duty.sentence, limit=None)}"
        case _:
            missing = ", and its plan is missing" * (job.plan is None)
            return f"{job.state.value}, {progress_words(job)}{missing}"
