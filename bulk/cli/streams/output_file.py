"""Creates the output file of a command: private, complete, and never in place of a plan or a journal."""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from bulk.errors import FileTrouble
from bulk.files.job_file_kinds import (
    HEAD_BYTES,
    is_journal,
    is_plan,
    is_without_person_journal,
    is_without_person_plan,
)
from bulk.files.private_files import open_regular
from bulk.files.unnamed_file import UnnamedFile, create_unnamed
from bulk.sanitize import plain

FORCE_HELP = "Replace FILE if it exists, unless it is a plan or a journal"


@contextmanager
def output_file(path: Path, *, force: bool, needed: Iterable[Path]) -> Iterator[UnnamedFile]:
    """Create a file that appears only if the block ends without an error.

    Arguments:
        path: path of the file.
        force: whether to replace an existing regular file.
        needed: files that must not be replaced, under whatever path: the input of the command.

    Raises:
        UsageError: the file is one of `needed`.
        FileTrouble: it exists without `force`, is a plan or a journal, or cannot be created.
    """
    _check(path, force=force, needed=needed)
    with create_unnamed(path) as file:
        yield file
        if force:
            _check(path, force=force, needed=needed)  # it may have changed in the meantime
            file.replace()
        else:
            file.publish()


def is_same_file(one: Path, other: Path) -> bool:
    """Return whether two paths lead to the same file, through `..` and links too, and even if it does not exist."""
    try:
        return one.samefile(other)
    except (OSError, ValueError):
        return os.path.realpath(one) == os.path.realpath(other)


def _check(path: Path, *, force: bool, needed: Iterable[Path]) -> None:
    for other in needed:
        if is_same_file(path, other):
            raise click.UsageError(
                f"the output {plain(path)} would replace the input {plain(other)}: choose another name for the output"
            )
    if not os.path.lexists(path):
        return
    if not force:
        raise FileTrouble(
            path, "cannot be created: it exists already", "choose another name, or give --force to replace it"
        )
    if is_plan_or_journal(path):
        raise FileTrouble(path, "is the plan or the journal of a job and is never replaced", "choose another name")


def is_plan_or_journal(path: Path) -> bool:
    """Return whether a file starts like a plan or a journal."""
    descriptor = open_regular(path, os.O_RDONLY)
    try:
        head = os.pread(descriptor, HEAD_BYTES, 0)
    finally:
        os.close(descriptor)
    return any(is_kind(head) for is_kind in (is_plan, is_journal, is_without_person_plan, is_without_person_journal))
