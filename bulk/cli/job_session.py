"""What the commands that plan, run and verify share: client, signals, display, approval, and the summary."""

import os
import sys
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO, TypeVar

import click

from bulk.cli.display.json_events import command_event, write_line
from bulk.cli.display.live_display import Display, open_display
from bulk.cli.display.terminal import fit, has_command, text_width, write_state
from bulk.cli.options.connection_options import Expected, RunOptions
from bulk.cli.options.settings import HOST, Settings
from bulk.cli.signals.event_loop import Stopper, run_until_signal
from bulk.cli.signals.explanations import explain_interruption, not_started
from bulk.errors import BulkError, JournalBusy, Refused
from bulk.formatting import format_count
from bulk.operations import Operation
from bulk.report.duty import DutyState
from bulk.sanitize import plain

if TYPE_CHECKING:
    from asyncclient import PostHogClient
    from bulk.plan.plan_file import Plan
    from bulk.progress.file_reading import FileReading
    from bulk.report.duty import Duty
    from bulk.report.report import Report
    from bulk.requests.job_record import JobRecord
    from bulk.selection.conditions.protection import Protect
    from bulk.selection.selections import Selection

T = TypeVar("T")

_HOST_SAID = "bulk.cli.host_said"
"""The key of `click.Context.meta` that is true once the command has said which host it uses."""


class CommandOutput:
    """Where a command writes text for people: stdout, or stderr if stdout is for JSON lines.

    Arguments:
        json: whether stdout is for JSON lines.
    """

    def __init__(self, *, json: bool) -> None:
        self.json = json

    @property
    def width(self) -> int:
        """How many columns a line of text may take."""
        return text_width(self._stream)

    def print(self, text: str) -> None:
        """Show people text that is sanitized already, broken between words if a terminal is narrower."""
        click.echo(fit(text, self._stream), err=self.json)

    def print_command(self, text: str) -> None:
        """Show people text that ends with a command line to copy, which is not broken; any other text as `print` does.

        If a terminal is narrower, the command line starts on a line of its own.
        """
        if "posthog-bulk " not in text:
            self.print(text)
            return
        before, colon, command = text.partition(": posthog-bulk ")
        if colon and self._stream.isatty() and len(text) > self.width:
            text = f"{fit(f'{before}:', self._stream)}\n  posthog-bulk {command}"
        click.echo(text, err=self.json)

    @property
    def _stream(self) -> TextIO:
        return sys.stderr if self.json else sys.stdout

    def print_row(self, text: str) -> None:
        """Show people a row of headings and texts: one with a command line to copy is not broken."""
        (self.print_command if has_command(text) else self.print)(text)

    def print_state(self, text: str, duty: "Duty") -> None:
        """Show people the line that tells the state of a job, in its colour on a terminal that shows colour."""
        write_state(self._stream, text, DutyState(duty.state))

    def write_event(self, kind: str, **fields: Any) -> None:
        """Write an event of the command itself, if events are requested."""
        if self.json:
            write_line(sys.stdout, command_event(kind, fields))


def run_with_client(
    settings: Settings,
    work: Callable[["PostHogClient", Stopper, Display], Awaitable[T]],
    *,
    json: bool = False,
    in_place: bool = True,
) -> T:
    """Run work that needs the server, with signals handled and progress shown.

    Arguments:
        settings: for the client.
        work: gets the open client, the stopper and the display.
        json: whether events go to stdout.
        in_place: whether progress may be redrawn in place, on a terminal.
    """
    client = settings.client()
    _say_default_host(settings)
    display = open_display(json=json, in_place=in_place)

    async def with_open_client(stopper: Stopper) -> T:
        async with client:
            return await work(client, stopper, display)

    try:
        return run_until_signal(with_open_client, notice=display.note, restore=display.restore)
    finally:
        display.close()


@contextmanager
def show_long_reads() -> Iterator["FileReading"]:
    """Show on stderr how far the reading or overwriting of files is, if it takes more than 2 s.

    Nothing is written to stdout.
    """
    from bulk.progress.file_reading import FileReading

    display = open_display(json=False)
    try:
        yield FileReading("reading", display)
    finally:
        display.close()


def _say_default_host(settings: Settings) -> None:
    """Say, once per command, that no host is set and which one is used."""
    context = click.get_current_context()
    if settings.uses_default_host(os.environ) and not context.meta.get(_HOST_SAID):
        context.meta[_HOST_SAID] = True
        click.echo(f"{HOST} is not set: using us, which is https://us.posthog.com", err=True)


def make_plan_file(
    settings: Settings,
    operation: Operation,
    selection: "Selection",
    path: Path,
    *,
    json: bool,
    concurrency: int = 4,
    protect: "Sequence[Protect]" = (),
    record: "JobRecord | None" = None,
) -> "Plan":
    """Make a plan, with progress shown."""
    from bulk.plan.planner import make_plan

    async def work(client: "PostHogClient", _: Stopper, display: Display) -> "Plan":
        return await make_plan(
            client,
            operation,
            selection,
            path,
            on_progress=display,
            concurrency=concurrency,
            retry_for_s=settings.retry_for_s,
            protect=protect,
            record=record,
        )

    return run_with_client(settings, work, json=json)


def run_plan(
    settings: Settings,
    run_options: RunOptions,
    plan: "Plan",
    journal: Path,
    output: CommandOutput,
    *,
    approve: str | None,
    expected: Expected,
    resume_line: str,
    protect: "Sequence[Protect]" = (),
    approver: str | None = None,
    operator: str | None = None,
) -> int:
    """Run a plan, show the summary, also of a run that ends with an error, and return the exit code.

    Arguments:
        settings: for the client.
        run_options: the options of the command.
        plan: the plan.
        journal: its journal.
        output: where the summary is shown.
        approve: the digest of the plan, if it is not approved yet.
        expected: the numbers that the user expects.
        resume_line: the command line that resumes the job.
        protect: persons that the plan must not contain.
        approver: who approves the plan, if given.
        operator: who runs the job, if given.
    """
    from bulk.engine import run_job

    is_summary_shown = False

    async def work(client: "PostHogClient", stopper: Stopper, display: Display) -> "Report":
        nonlocal is_summary_shown
        try:
            with stopper.draining() as stop:
                report = await run_job(
                    client,
                    plan,
                    journal,
                    approve=approve,
                    concurrency=run_options.concurrency,
                    batch_size=run_options.batch_size,
                    wait_s=run_options.wait_s,
                    retry_for_s=settings.retry_for_s,
                    max_targets=run_options.max_targets,
                    expect_count=expected.expect_count,
                    expect_lines=expected.expect_lines,
                    expect_unmatched=expected.expect_unmatched,
                    operator=operator,
                    on_progress=display,
                    stop=stop,
                    protect=protect,
                    approver=approver,
                )
        except BaseException as error:
            display.close()
            if so_far := _report_so_far(error, plan, journal):
                with suppress(OSError):  # the error matters more
                    show_summary(so_far, plan.path, journal, output, resume_line)
                is_summary_shown = True
            raise
        display.close()
        show_summary(report, plan.path, journal, output, resume_line)
        is_summary_shown = True
        return report

    with explain_interruption(lambda: "" if is_summary_shown else not_started(plan.path, resume_line)):
        return run_with_client(settings, work, json=run_options.json).exit_code


def _report_so_far(error: BaseException, plan: "Plan", journal: Path) -> "Report | None":
    """Return the report of a run that an error ended; None if it did not get as far as the job in its journal."""
    from bulk.report.load import read_report
    from bulk.report.report import with_run_verdict

    if isinstance(error, Refused | JournalBusy):
        return None
    try:
        with show_long_reads() as on_read:
            return with_run_verdict(read_report(journal, plan, on_read=on_read))
    except BulkError:
        return None


def write_plan_event(plan: "Plan", output: CommandOutput) -> None:
    """Write the event that names a plan and what it is for."""
    import msgspec

    from bulk.operations import describe as describe_operation
    from bulk.report.parts.input_report import input_report
    from bulk.selection.input_findings import by_kind
    from bulk.selection.inputs.coverage import coverage_of

    header = plan.header
    output.write_event(
        "plan",
        path=str(plan.path),
        count=plan.count,
        digest=plan.digest,
        host=header.host,
        project_id=header.project_id,
        project_name=header.project_name,
        operation=describe_operation(header.operation),
        findings=plan.findings,
        input=msgspec.to_builtins(input_report(coverage_of(by_kind(plan.findings)))),
    )


def show_summary(report: "Report", plan: Path, journal: Path, output: CommandOutput, resume_line: str) -> None:
    """Show whether a job is complete after a run or a verification, in one sentence, and the commands that come next.

    Of a job that only has to be resumed, the sentence says how far it is.

    Arguments:
        report: as `run_job` or `verify_job` returned it.
        plan: the plan file.
        journal: the journal.
        output: where to show it.
        resume_line: the command line that runs the job again, and resumes it if it is not finished.
    """
    import msgspec

    from bulk.cli.display.duty_lines import duty_lines
    from bulk.report.duty_causes import UNFINISHED
    from bulk.report.parts.input_report import coverage_in
    from bulk.report.rendering.findings import orphan_sentences
    from bulk.report.report import is_finished
    from bulk.sanitize import file_word

    state, *to_do = duty_lines(report.duty, plan, journal, run_again=resume_line, now=datetime.now(UTC), report=report)
    is_only_unfinished = {cause.kind for cause in report.duty.causes} == {UNFINISHED}
    output.print_state(plain(report.verdict, limit=None) if is_only_unfinished else state, report.duty)
    if report.exit_code == 0 and report.duty.exit_code == 1:
        output.print("The run exits with 0 (all persons done); verify, status and report with 1 (lines not covered).")
    for sentence in orphan_sentences(report.operation, report.selection, coverage_in(report.input)):
        output.print(sentence)
    for line in _result_lines(report):
        output.print(f"  {line}")
    output.print(f"Plan: {plain(plan)}; journal: {plain(journal)}")
    if not is_finished(report):
        output.print_command(f"To resume: {resume_line}")
    output.print_command(f"For the report: posthog-bulk report {file_word(str(journal))}")
    for line in to_do if not is_only_unfinished else ():
        (output.print_command if ": posthog-bulk " in line else output.print)(line)
    output.write_event(
        "report",
        exit_code=report.exit_code,
        verdict=report.verdict,
        plan=str(plan),
        journal=str(journal),
        input=msgspec.to_builtins(report.input),
        duty=msgspec.to_builtins(report.duty),
    )


def _result_lines(report: "Report") -> "Iterator[str]":
    """Yield how many persons are in which state, then the reasons of those for which the job failed."""
    from bulk.cli.display.messages import state_counts
    from bulk.report.rendering.document import AXIS_TITLES
    from bulk.states import state_label
    from bulk.targets.reasons import Reason, short_meaning

    for axis in report.axes:
        if line := state_counts(AXIS_TITLES[axis.axis], {state.state: state.count for state in axis.states}):
            yield line
    for failure in report.failures:
        title, why = AXIS_TITLES[failure.axis], plain(short_meaning(failure.reason), limit=None)
        if failure.reason == Reason.NO_RECORDINGS.value:
            yield f"{title}: {why}"
        else:
            yield (
                f"{title}: {format_count(failure.count)} {plain(state_label(failure.state))} "
                f"({why}): persons {plain(failure.targets, limit=60)} of the plan"
            )
