"""Pairs the plans of a folder with their journals: by name, or else by what a journal records of its plan.

Only the ends of plans and the first lines of journals are read.
"""

import os
import re
from itertools import count
from pathlib import Path

import msgspec

from bulk.errors import FileTrouble, JournalError
from bulk.files.file_errors import as_file_trouble
from bulk.files.job_file_kinds import JOURNAL_SUFFIX, PLAN_SUFFIX
from bulk.files.private_files import open_regular

_FIRST_LINE_MAX = 16 << 20
_STEP = 1 << 14
_DIGEST = re.compile(rb'"plan_digest":"(sha256:[0-9a-f]{64})"')
_PLANNED_AT = re.compile(rb'"planned_at":"([0-9T:.+Z-]*)"')


class PlanIdentity(msgspec.Struct, frozen=True):
    """The digest of a plan, and when it was made: a plan for the same persons may have been made before."""

    digest: str
    planned_at: str


class JournalOfPlan(msgspec.Struct, frozen=True, kw_only=True):
    """The journal of a plan.

    Arguments:
        path: the journal, which need not exist.
        other: the file of the usual name, if that is the journal of another plan and this one has none yet.
    """

    path: Path
    other: Path | None = None


def journal_of(plan: Path) -> Path:
    """Return the usual name of the journal of a plan."""
    return plan.with_name(_stem(plan.name, PLAN_SUFFIX) + JOURNAL_SUFFIX)


def plan_of(journal: Path) -> Path:
    """Return the usual name of the plan of a journal."""
    return journal.with_name(_stem(journal.name, JOURNAL_SUFFIX) + PLAN_SUFFIX)


def files_named(folder: Path, suffix: str) -> list[Path]:
    """Return the files of a folder whose name ends with a suffix, in the order of their names.

    Raises:
        FileTrouble: the folder cannot be read.
    """
    if not folder.is_dir():
        raise FileTrouble(folder, "is not a folder", "check the name")
    with as_file_trouble(folder, "cannot be read"):
        found = [path for path in folder.iterdir() if path.name.endswith(suffix) and not path.name.startswith(".")]
    return sorted(found, key=lambda path: path.name)


class FolderJournals:
    """The journals of a folder, found by their plans; the first line of each is read at most once or twice.

    Arguments:
        folder: the folder.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._by_plan: dict[PlanIdentity, Path] | None = None

    def find(self, plan: Path, identity: PlanIdentity) -> JournalOfPlan:
        """Return the journal of a plan: the one of the usual name, or else another that records this plan.

        Arguments:
            plan: the plan file.
            identity: of the plan.
        """
        usual = journal_of(plan)
        recorded = recorded_plan(usual)
        if recorded == identity:
            return JournalOfPlan(path=usual)
        if self._by_plan is None:
            found = {recorded_plan(path): path for path in reversed(files_named(self._folder, JOURNAL_SUFFIX))}
            self._by_plan = {key: path for key, path in found.items() if key is not None}
        if (elsewhere := self._by_plan.get(identity)) is not None:
            return JournalOfPlan(path=elsewhere)
        return JournalOfPlan(path=usual) if recorded is None else JournalOfPlan(path=_free_name(usual), other=usual)


def recorded_plan(journal: Path) -> PlanIdentity | None:
    """Return the plan that a journal belongs to; None if the file does not say, or cannot be read."""
    first = _first_line(journal)
    digest, planned_at = _DIGEST.search(first), _PLANNED_AT.search(first)
    if digest is None or planned_at is None:
        return None
    return PlanIdentity(digest[1].decode("ascii"), planned_at[1].decode("ascii"))


def recorded_digest(journal: Path) -> str | None:
    """Return the digest of the plan that a journal belongs to; None if the file does not say, or cannot be read."""
    digest = _DIGEST.search(_first_line(journal))
    return None if digest is None else digest[1].decode("ascii")


def was_published_first(other: Path, own: Path) -> bool:
    """Return whether of two plans the other one got its name first; False if it is gone.

    Of two that got it in the same instant, it is the one whose name comes first, so that exactly one of them is.

    Arguments:
        other: a plan that another process may remove.
        own: a plan of this process.
    """
    try:
        return (other.stat().st_ctime_ns, other.name) < (own.stat().st_ctime_ns, own.name)
    except FileNotFoundError:
        return False


def _first_line(journal: Path) -> bytes:
    """Return the first line of a journal; empty if it cannot be read, or is none."""
    try:
        fd = open_regular(journal, os.O_RDONLY, JournalError)
    except FileTrouble:
        return b""
    line = b""
    try:
        while b"\n" not in line and len(line) < _FIRST_LINE_MAX and (data := os.read(fd, _STEP)):
            line += data
            if not line.startswith(b"{"):
                return b""
    except OSError:
        return b""
    finally:
        os.close(fd)
    return line.partition(b"\n")[0]


def unreported_marker(plan: Path) -> Path:
    """Return the hidden file that exists while a command that finishes a plan's job has not shown its result yet."""
    return plan.with_name(f".{plan.name}.unreported")


def _free_name(taken: Path) -> Path:
    """Return a name of a journal that no file has."""
    stem = _stem(taken.name, JOURNAL_SUFFIX)
    names = (taken.with_name(f"{stem}-{number}{JOURNAL_SUFFIX}") for number in count(2))
    return next(name for name in names if not os.path.lexists(name))


def _stem(name: str, suffix: str) -> str:
    return name.removesuffix(suffix).removesuffix(".jsonl") or name
