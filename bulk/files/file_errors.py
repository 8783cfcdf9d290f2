"""Turns an OSError on a file into one `FileTrouble`: what happened to which file, and what to do about it."""

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from bulk.errors import NO_SUCH_FILE, FileTrouble
from bulk.files.job_file_kinds import HEAD_BYTES, JOURNAL_SUFFIX, PLAN_SUFFIX, is_without_person_plan
from bulk.sanitize import file_word

CREATING = "cannot be created"
"""The `failed` of an operation for which a missing file means a missing folder."""

_ANOTHER_NAME = "choose another name, or remove that file if it is no longer needed"
_PROBLEMS: dict[int, tuple[str, str]] = {
    errno.EACCES: ("permission is denied", "give this user access, or choose another folder"),
    errno.EPERM: ("the operating system does not permit it", "choose another folder"),
    errno.EROFS: ("the disk is read-only", "choose a folder on a writable disk"),
    errno.ENOSPC: ("the disk is full", "free some space, then run again"),
    errno.EDQUOT: ("the disk quota is used up", "free some space, then run again"),
    errno.EFBIG: ("the file would grow past the limit for one file", "raise that limit, then run again"),
    errno.ENOENT: ("its folder does not exist", "create the folder first, or check the name"),
    errno.ENOTDIR: ("a part of the path is not a folder", "check the name"),
    errno.EISDIR: ("it is a directory", "name a file in it"),
    errno.ELOOP: ("it is a symbolic link", "name the file itself"),
    errno.EEXIST: ("it exists already", _ANOTHER_NAME),
    errno.ENAMETOOLONG: ("the name is too long", "choose a shorter name"),
    errno.EMFILE: ("this process has too many files open", "raise the limit of open files, then run again"),
}


@contextmanager
def as_file_trouble(
    path: Path, failed: str, kind: Callable[[Path, str, str], FileTrouble] = FileTrouble
) -> Iterator[None]:
    """Raise an OSError inside the block as one sentence.

    Arguments:
        path: the file to name.
        failed: what failed, as in "cannot be created".
        kind: the exception to raise.
    """
    try:
        yield
    except OSError as error:
        if error.errno == errno.ENOENT and failed != CREATING:
            if path.parent.is_dir():
                raise kind(path, NO_SUCH_FILE, fix_of_missing(path)) from error
            raise kind(path, f"{failed}: its folder does not exist", "check the name") from error
        problem, fix = _PROBLEMS.get(error.errno or 0, (_reason(error), "check the disk, then run again"))
        raise kind(path, f"{failed}: {problem}", fix) from error


def fix_of_missing(path: Path) -> str:
    """Return what to do about a file that does not exist: of a plan without a journal, to run it first."""
    plan = path.with_name(path.name.removesuffix(JOURNAL_SUFFIX) + PLAN_SUFFIX)
    if path.name.endswith(JOURNAL_SUFFIX) and os.path.lexists(plan):
        if plan.is_file() and is_without_person_plan(_head_of(plan)):
            return "its plan was not submitted yet; repeat the command delete-events --without-person that wrote it"
        return f"its plan was not run yet; run it first: `posthog-bulk run {file_word(str(plan))}`"
    return "check the name"


def _head_of(path: Path) -> bytes:
    with suppress(OSError), path.open("rb") as file:
        return file.read(HEAD_BYTES)
    return b""


def _reason(error: OSError) -> str:
    return os.strerror(error.errno) if error.errno else "the operating system gave no reason"
