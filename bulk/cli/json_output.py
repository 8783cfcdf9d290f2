"""What commands write to stdout with --json, besides the events of a job: one struct per kind of line.

The structs describe the output; `bulk.cli.json_schema` makes the JSON schema in the repository from them. Fields may be
added, and are never removed or renamed.
"""

from typing import Any

import msgspec

from bulk.report.duty import Duty
from bulk.requests.due_dates import DueCount
from bulk.requests.job_record import JobRecord
from bulk.without_person.report import WithoutPersonReport


class _Line(msgspec.Struct, frozen=True, kw_only=True, tag_field="event"):
    pass


class WaitShown(msgspec.Struct, frozen=True, kw_only=True):
    """A wait of more than 2 s. Times are ISO 8601 in UTC; None where they are not known or do not apply.

    `kind` is outage, pause, rate_limit, catching_up, second_read, retry, response, file, overwrite or input. `bucket`
    is a rate limit, `targets` the number of persons that are waited for, `axis` what was changed, `reason` the end of
    the last probe in an outage, `file` a file that is read or overwritten, and `percent` how much of it is done.
    """

    kind: str
    since: str
    until: str | None
    gives_up_at: str | None
    bucket: str | None
    targets: int | None
    axis: str | None
    reason: str | None
    file: str | None
    percent: int | None


class InputCovered(msgspec.Struct, frozen=True, kw_only=True):
    """How many lines the input has, and how many of them the plan does not cover, by reason; 0 lines for a filter.

    `repeated_unmatched` of the `repeated` lines repeat one that matches no person. `expected` is how
    many lines match no person and count as covered, because `expected_by` (--operator) confirmed it at `expected_at`.
    """

    lines: int
    not_covered: int
    unmatched: int
    refused: int
    unread: int
    protected: int
    repeated: int
    repeated_unmatched: int
    expected: int
    expected_at: str | None
    expected_by: str | None


class PlanMade(_Line, frozen=True, tag="plan"):
    """The plan that a command made or uses.

    `digest` approves it. `operation` is in words. `findings` are the counts and line numbers of the input check, each
    with its `kind`; the one of the kind `properties` has under `of`, for each property that the operation changes, its
    `key`, the `count` of the persons that have it and, if there is none, the `closest` name or null.
    """

    path: str
    count: int
    digest: str
    host: str
    project_id: int
    project_name: str
    operation: str
    findings: list[dict[str, Any]]
    input: InputCovered


class PlanShown(_Line, frozen=True, tag="show"):
    """A plan as `show` reads it: the header, and what the `plan` line has. `file_sha256` is that of the
    whole file, as `sha256sum` computes it.

    `operation` and `selection` are as in the file; they may hold values and filters.
    """

    path: str
    format: int
    version: str
    created_at: str
    host: str
    project_id: int
    project_name: str
    operation: dict[str, Any]
    selection: dict[str, Any]
    count: int
    digest: str
    file_sha256: str
    findings: list[dict[str, Any]]
    input: InputCovered
    record: JobRecord | None


class OwnValues(msgspec.Struct, frozen=True):
    """What one person gets: properties that are set, those that are set if it lacks them, and those that it loses."""

    set: dict[str, Any]
    set_once: dict[str, Any]
    unset: tuple[str, ...]


class PlannedPerson(msgspec.Struct, frozen=True):
    """A person of a plan. `line` is the input line that selected it, `values` what it gets if each gets its own."""

    number: int
    uuid: str
    created_at: str
    distinct_id: str | None
    line: int | None
    values: OwnValues | None


class TargetShown(_Line, frozen=True, tag="target"):
    """A person of a plan, by its number; `show --target` writes one line per person."""

    number: int
    uuid: str
    created_at: str
    distinct_id: str | None
    line: int | None
    values: OwnValues | None


class LineShown(_Line, frozen=True, tag="line"):
    """What became of an input line, and the persons that it selected.

    `outcome` is selected, unmatched, unread, protected, refused, repeated, already_selected, or blank (a blank row of
    values, which is skipped). `reason` says why the line is refused, the likely cause why it matches no person, or that
    the line that it repeats is not covered. `repeats` is the number of that line, or of one that selects its person.
    """

    line: int
    outcome: str
    reason: str | None
    repeats: int | None
    targets: tuple[PlannedPerson, ...]


class JobReported(_Line, frozen=True, tag="report"):
    """The result of a run or a verification; `posthog-bulk report --json` writes the whole report.

    `verdict` and `exit_code` are those of the command. `duty` says whether the job is complete. `input` is None where
    neither journal nor plan tells.
    """

    exit_code: int
    verdict: str
    plan: str
    journal: str
    input: InputCovered | None
    duty: Duty


class PersonsExported(_Line, frozen=True, tag="persons"):
    """The end of an export to a file: the number of persons, and the findings about the input."""

    path: str
    count: int
    findings: list[dict[str, Any]]


class PersonsCounted(_Line, frozen=True, tag="count"):
    """The number of persons that `persons --count` found, and the findings about the input."""

    count: int
    findings: list[dict[str, Any]]


class PersonSplitOff(_Line, frozen=True, tag="split"):
    """The end of a split: how many distinct IDs it is about, and whether reading back shows it."""

    person: str
    count: int
    confirmed: bool


class EventsWithoutPerson(_Line, frozen=True, tag="events_without_person"):
    """A job of `delete-events --without-person`, as every command shows it that works on it.

    `report` is None where `jobs` finds a job that cannot be read or was never run; `problem` then says why.
    """

    journal: str
    report: WithoutPersonReport | None
    problem: str | None


class JobStatus(_Line, frozen=True, tag="status"):
    """The state of a job: for each axis the number of targets by state, and its last run.

    `duty` says whether the job is complete, `verdict` is its sentence and `exit_code` follows from it. `run_verdict` is
    what the runs did. `is_running` tells whether a process runs the job. `run_ended` is None until then, and if the
    process died. `due` is what is due on which day, by the clock of this machine.
    Times are ISO 8601 in UTC.
    """

    journal: str
    job: str
    operation: str
    host: str
    project_id: int
    count: int
    approved_at: str | None
    verdict: str
    exit_code: int
    duty: Duty
    run_verdict: str
    input: InputCovered | None
    axes: dict[str, dict[str, int]]
    is_running: bool
    runs: int
    run_started: str | None
    run_ended: str | None
    run_reason: str | None
    last_entry_at: str
    record: JobRecord | None
    due: tuple[DueCount, ...]
    shredded_at: str | None


class JobListed(_Line, frozen=True, tag="job"):
    """A job of a folder. What cannot be read, or has not happened yet, is None.

    `state` is not_started, not_finished, running, finished or unreadable; `problem` says why it is unreadable, or what
    is wrong with its files. `duty` is complete, waiting or needs_attention; `verdict` says so in words, and `exit_code`
    follows from it. `next` is the command line to run next. `due` is what is due on which day, by the clock of this
    machine. Times are ISO 8601.
    """

    plan: str | None
    journal: str
    state: str
    operation: str | None
    selected: str | None
    host: str | None
    project_id: int | None
    count: int | None
    done: int | None
    planned_at: str | None
    last_entry_at: str | None
    finished_at: str | None
    exit_code: int | None
    verdict: str | None
    duty: str | None
    next: str | None
    problem: str | None
    due: tuple[DueCount, ...]
    shredded_at: str | None


class JobShredded(_Line, frozen=True, tag="shredded"):
    """The files that identify the persons of a job are destroyed: which, and which are kept as evidence."""

    removed: list[str]
    kept: list[str]
    shredded_at: str


class FileWritten(_Line, frozen=True, tag="file"):
    """A report was written to a file; `verdict` and `exit_code` are those of the report."""

    path: str
    format: str
    verdict: str
    exit_code: int


class SignatureChecked(_Line, frozen=True, tag="signature"):
    """A signed file is unchanged. `fingerprint` is that of the key; `is_key_checked` is whether the command had it."""

    path: str
    fingerprint: str
    is_key_checked: bool


class ServerStarted(_Line, frozen=True, tag="server"):
    """The local server accepts requests; the key is for this server only."""

    url: str
    project_id: int
    personal_api_key: str
    persons: int


class DemoEnded(_Line, frozen=True, tag="demo"):
    """The end of the demo: what the server's own records show."""

    exit_code: int
    checks: tuple["DemoCheck", ...]


class DemoCheck(msgspec.Struct, frozen=True):
    """A claim about the demo, and whether it holds."""

    claim: str
    holds: bool


class CompletionScript(_Line, frozen=True, tag="completion"):
    """The completion script for a shell."""

    shell: str
    script: str


class EventsDropped(_Line, frozen=True, tag="dropped"):
    """This many events of progress are missing before the next line, because the reader of stdout was behind."""

    events: int


class CommandFailed(_Line, frozen=True, tag="error"):
    """The command failed; the last line. The message is the one for people."""

    exit_code: int
    message: str


CommandLine = (
    PlanMade
    | PlanShown
    | TargetShown
    | LineShown
    | JobReported
    | PersonsExported
    | PersonsCounted
    | PersonSplitOff
    | EventsWithoutPerson
    | JobStatus
    | JobListed
    | JobShredded
    | FileWritten
    | SignatureChecked
    | ServerStarted
    | DemoEnded
    | CompletionScript
    | EventsDropped
    | CommandFailed
)
"""The lines that commands write themselves."""
