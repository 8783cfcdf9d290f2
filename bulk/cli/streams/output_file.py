"""Creates the file of results that a command writes: new, private, complete, and never in place of a job's files."""

import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from bulk.errors import FileTrouble
from bulk.files.private_files import Unnamed, open_regular, unnamed
from bulk.sanitize import plain

FORCE_HELP = "Replace FILE if it exists, but never a plan or a journal"

_HEAD_BYTES = 64
_PLAN_OR_JOURNAL = re.compile(rb'\{"format":[0-9]+,"project_id":|\{"n":0,"k":"job"')
"""How a plan and a journal begin."""


@contextmanager
def output_file(path: Path, *, force: bool, needed: Iterable[Path]) -> Iterator[Unnamed]:
    """Create a file that appears only if the block ends without an error.

    Args:
        path: of the file.
        force: replace a regular file that exists.
        needed: files that it must not replace under any name: those that it is made from.

    Raises:
        UsageError: it is one of `needed`.
        FileTrouble: it exists and `force` is not given, is a plan or a journal, or cannot be made.
    """
    _check(path, force=force, needed=needed)
    with unnamed(path) as file:
        yield file
        if force:
            _check(path, force=force, needed=needed)  # it may have changed since
            file.replace()
        else:
            file.publish()


def is_same_file(one: Path, other: Path) -> bool:
    """Whether two paths name one file, through any `..`, hard or symbolic link, whether it exists or not."""
    try:
        return one.samefile(other)
    except (OSError, ValueError):
        return os.path.realpath(one) == os.path.realpath(other)


def _check(path: Path, *, force: bool, needed: Iterable[Path]) -> None:
    for other in needed:
        if is_same_file(path, other):
            raise click.UsageError(
                f"{plain(path)} would replace {plain(other)}, which is needed: choose another name for the output"
            )
    if not os.path.lexists(path):
        return
    if not force:
        raise FileTrouble(
            path, "cannot be created: it exists already", "choose another name, or give --force to replace it"
        )
    if _is_plan_or_journal(path):
        raise FileTrouble(path, "is the plan or the journal of a job", "choose another name")


def _is_plan_or_journal(path: Path) -> bool:
    descriptor = open_regular(path, os.O_RDONLY)
    try:
        head = os.pread(descriptor, _HEAD_BYTES, 0)
    finally:
        os.close(descriptor)
    return _PLAN_OR_JOURNAL.match(head) is not None
