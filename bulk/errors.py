"""The exceptions of the engine: one root, and a branch for each exit code of the command line.

The message of each is built from its fields. It names the file, the problem and the fix, and never a person, the value
of a property, or a key. The checks that raise `Refused` have their own wording: see `execution.preflight`.
"""

import os
import re
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_Name = str | os.PathLike[str]


class BulkError(Exception):
    """The base class of all exceptions of the engine."""


class InputError(BulkError, ValueError):
    """A selection, an option or an input file cannot be used (exit code 2). Nothing was sent."""


NO_SUCH_FILE = "no such file"
"""The problem of a file that does not exist, which its message begins with."""
_PREDICATE = re.compile(r"(is|has|was|can|cannot|holds|became|belongs|does) ")
"""How a problem starts whose subject is the file: "leavers.txt is not a plan"."""


class FileTrouble(BulkError):
    """A file cannot be created, read, trusted or written (exit code 74).

    Arguments:
        path: the file.
        problem: what is wrong with it, without its name.
        fix: what to do about it.
    """

    def __init__(self, path: _Name, problem: str, fix: str) -> None:
        super().__init__(path, problem, fix)
        self.path = Path(path)
        self.problem = problem
        self.fix = fix

    def __str__(self) -> str:
        if self.problem == NO_SUCH_FILE:
            return f"{NO_SUCH_FILE}: {self.path}; {self.fix}."
        gap = " " if _PREDICATE.match(self.problem) else ": "
        return f"{self.path}{gap}{self.problem}; {self.fix}."


class PlanError(FileTrouble):
    """A plan file is not a plan, has another format, or was changed after it was created."""


class JournalError(FileTrouble):
    """A journal cannot be used as it is."""


class JournalDamaged(JournalError):
    """A line of a journal other than an incomplete last one is damaged. The file is unchanged and nothing is sent.

    Arguments:
        path: the journal.
        line: the first damaged line, counted from 1.
        problem: what is wrong with that line.
    """

    def __init__(self, path: _Name, line: int, problem: str) -> None:
        restore = "restore the journal from a copy made after its last run"
        fix = restore if line > 1 else f"check that this is the right file; if it is, {restore}"
        super().__init__(path, f"line {line} {problem}", fix)
        self.args = (path, line, problem)
        self.line = line


class JournalEmpty(JournalError):
    """A journal records no job yet.

    Arguments:
        path: the journal.
    """

    def __init__(self, path: _Name) -> None:
        super().__init__(path, "is empty", "name the journal of a job that was run")
        self.args = (path,)


class WriteFailed(FileTrouble):
    """A write to a file failed; nothing more is written through that descriptor.

    Arguments:
        path: the file.
        problem: what failed.
        fix: what to do about it.
    """

    def __init__(
        self,
        path: _Name,
        problem: str,
        fix: str = "put the disk right (space, quota, health), then run the same command again",
    ) -> None:
        super().__init__(path, problem, fix)


class JournalBusy(BulkError):
    """Another process is using the journal (exit code 75)."""

    def __init__(self, path: _Name) -> None:
        super().__init__(path)
        self.path = Path(path)

    def __str__(self) -> str:
        watch = f"watch it with posthog-bulk status {shlex.quote(str(self.path))} --watch, "
        return (
            f"{self.path}: another process is using this journal; {watch * self.path.name.endswith('.journal.jsonl')}"
            "wait until it ends or stop it, then run again."
        )


class JobPlannedTwice(JournalBusy):
    """Another process has just planned the same job, and runs it (exit code 75).

    Arguments:
        path: its plan.
    """

    def __str__(self) -> str:
        return f"another process has just planned the same job: {self.path}; run the same command again, which uses it."


class Refused(BulkError):
    """A safety check refused to start or to continue (exit code 3).

    Arguments:
        problem: what the check found.
        fix: what to do about it.
    """

    def __init__(self, problem: str, fix: str) -> None:
        super().__init__(problem, fix)
        self.problem = problem
        self.fix = fix

    def __str__(self) -> str:
        return f"{self.problem}; {self.fix}."


class BreakerOpened(BulkError):
    """The circuit breaker stopped the run; the same command resumes it (exit code 4).

    Arguments:
        problem: what failed.
        fix: what to do before the next run.
    """

    def __init__(self, problem: str, fix: str = "find out why, then run the same command again to resume") -> None:
        super().__init__(problem, fix)
        self.problem = problem
        self.fix = fix

    def __str__(self) -> str:
        return f"run stopped: {self.problem}; {self.fix}."


class KeptPersonsDeleted(BreakerOpened):
    """The server deleted persons in a request that told it to keep them (exit code 4).

    No later run of the job sends such a request.

    Arguments:
        problem: what happened.
    """

    def __init__(self, problem: str) -> None:
        super().__init__(
            problem,
            "find out whether this server ignores keep_person; `verify` shows which persons are left. This job sends "
            "no such request again: if someone else deleted the persons, make a new plan",
        )


class PropertyHidden(BreakerOpened):
    """PostHog has shown a property of no person in this run and refuses to remove it (exit code 77).

    Arguments:
        key: the property.
        response: the status and the error code of the refusal.
    """

    def __init__(self, key: str, response: str) -> None:
        super().__init__(
            f"PostHog shows the property {key} of no person and refuses to remove it ({response}), so its access "
            "control seems to hide it from the user of this key",
            "use the key of a user who may change this property, then run the same command again to resume",
        )


RESUME = "run the same command again to resume"
PLAN_AGAIN = "run the same command again"
_INTERRUPTED = {
    "plan": "planning",
    "run": "run",
    "verify": "verification",
    "split": "split",
    "export": "export",
    "check": "check",
}
"""What was interrupted, by the purpose of a `NotFinished`."""
_WITHOUT_JOURNAL = frozenset({"plan", "export", "check"})
"""The purposes that begin again, because there is no journal to resume from."""


class NotFinished(BulkError):
    """Planning, a run or a verification was interrupted; the same command continues or repeats it (exit code 75).

    Nothing is lost: a run resumes, and planning, which changes nothing, begins again.

    Arguments:
        problem: what interrupted it.
        fix: what to do.
        purpose: "plan", "run", "verify", "split", "export" or "check".
    """

    def __init__(self, problem: str, fix: str = RESUME, *, purpose: str = "run") -> None:
        super().__init__(problem, fix)
        self.problem = problem
        self.fix = fix
        self.purpose = purpose

    def __str__(self) -> str:
        fix = PLAN_AGAIN if self.purpose in _WITHOUT_JOURNAL and self.fix == RESUME else self.fix
        return f"{_INTERRUPTED.get(self.purpose, 'run')} interrupted: {self.problem}; {fix}."


@contextmanager
def interruption_of(purpose: str) -> Iterator[None]:
    """Make an interruption of the block one of planning, of a run or of a verification.

    Arguments:
        purpose: "plan", "run" or "verify".
    """
    try:
        yield
    except NotFinished as error:
        error.purpose = purpose
        raise
