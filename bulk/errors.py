"""The engine's exceptions: one root, and a branch for each way in which the command line ends.

Fields first, the sentence is built from them; it names the file and the fix and never a person, a value of a
property, or a key. Imports nothing of the engine.
"""

import os
from pathlib import Path

_Name = str | os.PathLike[str]


class BulkError(Exception):
    """Anything the engine raises on purpose."""


class InputError(BulkError, ValueError):
    """A selection, an option or an input file cannot be used at all (exit 2); nothing was sent."""


NO_SUCH_FILE = "no such file"
"""The problem of a file that does not exist, which its message begins with."""


class FileTrouble(BulkError):
    """A file could not be made, read, trusted or written (exit 74).

    Args:
        path: the file in question.
        problem: what is wrong with it, without the file's name.
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
        return f"{self.path}: {self.problem}; {self.fix}."


class PlanError(FileTrouble):
    """A plan file is no plan, is of another format, or was changed after it was made."""


class JournalError(FileTrouble):
    """A journal file cannot be used as it is."""


class JournalDamaged(JournalError):
    """A line of a journal is damaged anywhere but at the torn tail; nothing was changed and nothing is sent.

    Args:
        path: the journal.
        line: the first line that is wrong, counted from 1.
        problem: what is wrong with that line.
    """

    def __init__(self, path: _Name, line: int, problem: str) -> None:
        super().__init__(path, f"line {line} {problem}", "restore the journal from a copy made after its last run")
        self.args = (path, line, problem)
        self.line = line


class WriteFailed(FileTrouble):
    """A file that is being written cannot be trusted with more; nothing more goes through that descriptor.

    Args:
        path: the file that was written.
        problem: what failed.
        fix: what to do about it; about the disk, where nothing else is said.
    """

    def __init__(
        self,
        path: _Name,
        problem: str,
        fix: str = "put the disk right (space, quota, health), then run the same command again",
    ) -> None:
        super().__init__(path, problem, fix)


class JournalBusy(BulkError):
    """Another process holds the journal (exit 75)."""

    def __init__(self, path: _Name) -> None:
        super().__init__(path)
        self.path = Path(path)

    def __str__(self) -> str:
        return f"{self.path}: another process works on this journal; let it end or stop it, then run again."


class Refused(BulkError):
    """A guard refused to start or to go on (exit 3).

    Args:
        problem: what the guard saw.
        fix: what to do about it.
    """

    def __init__(self, problem: str, fix: str) -> None:
        super().__init__(problem, fix)
        self.problem = problem
        self.fix = fix

    def __str__(self) -> str:
        return f"{self.problem}; {self.fix}."


class BreakerOpened(BulkError):
    """Too much went wrong; the job stopped itself and can be run again (exit 4).

    Args:
        problem: what was seen.
        fix: what to do before running again.
    """

    def __init__(self, problem: str, fix: str = "find out why, then run the same command again to resume") -> None:
        super().__init__(problem, fix)
        self.problem = problem
        self.fix = fix

    def __str__(self) -> str:
        return f"stopped: {self.problem}; {self.fix}."


class KeptPersonsDeleted(BreakerOpened):
    """Persons are gone that a call of this job was to keep: no later run of the job makes such a call (exit 4).

    Args:
        problem: what was seen.
    """

    def __init__(self, problem: str) -> None:
        super().__init__(
            problem,
            "find out whether this server ignores keep_person; `verify` shows who is left. This job sends nothing "
            "more that keeps persons: if somebody else deleted them, make a new plan",
        )


class NotFinished(BulkError):
    """The job could not go on for now; nothing is lost and the same command goes on (exit 75).

    Args:
        problem: what stands in the way.
        fix: what to do.
    """

    def __init__(self, problem: str, fix: str = "run the same command again to resume") -> None:
        super().__init__(problem, fix)
        self.problem = problem
        self.fix = fix

    def __str__(self) -> str:
        return f"not finished: {self.problem}; {self.fix}."
