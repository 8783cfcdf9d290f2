"""The plan of a job for events without a person: a private file with the distinct IDs in chunks."""

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path

import msgspec

from bulk.errors import NO_SUCH_FILE, PlanError
from bulk.files.file_errors import as_file_trouble
from bulk.files.job_file_kinds import PLAN_SUFFIX, is_without_person_plan
from bulk.files.json_lines import decode_line, encode_line
from bulk.files.private_files import open_regular, refuse_existing
from bulk.files.unnamed_file import create_unnamed, remove_abandoned
from bulk.without_person.chunks import digest_of

FORMAT = 1
_MAX_LINE = 1 << 20
_NEW_PLAN = "restore it from a copy, or start a new job with a new --plan"


class WithoutPersonHeader(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="submissions_plan"):
    """The first line of the plan.

    Arguments:
        format: of the file.
        job: the random name of the job, from which the submission IDs follow.
        host: the origin of the server.
        project_id: the project.
        project_name: its name.
        created_at: ISO 8601 in UTC.
        ids_digest: of the distinct IDs, in whichever order they were given.
    """

    format: int
    job: str
    host: str
    project_id: int
    project_name: str
    created_at: str
    ids_digest: str

    def is_for(self, host: str, project_id: int, ids_digest: str) -> bool:
        """Return whether the job is for the same distinct IDs in the same project."""
        return (self.host, self.project_id, self.ids_digest) == (host, project_id, ids_digest)


class _Chunk(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="chunk"):
    chunk: int
    ids: tuple[str, ...]


class _End(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="end"):
    digest: str


class WithoutPersonPlan(msgspec.Struct, frozen=True, kw_only=True):
    """A plan as it was read.

    Arguments:
        path: the file.
        header: its first line.
        chunks: the distinct IDs of each request.
        digest: of all lines before the last one, which holds it.
    """

    path: Path
    header: WithoutPersonHeader
    chunks: tuple[tuple[str, ...], ...]
    digest: str

    def __repr__(self) -> str:
        return f"WithoutPersonPlan({str(self.path)!r}, {len(self.chunks)} chunks)"


_HEADER = msgspec.json.Decoder(WithoutPersonHeader)
_LINE = msgspec.json.Decoder(_Chunk | _End)


def write_plan(path: Path, header: WithoutPersonHeader, chunks: Sequence[tuple[str, ...]]) -> WithoutPersonPlan:
    """Write a plan, complete or not at all, and return it.

    Arguments:
        path: must not exist yet.
        header: its first line.
        chunks: the distinct IDs of each request.

    Raises:
        FileTrouble: the file exists, or cannot be written.
    """
    refuse_existing(path)
    lines = [header, *(_Chunk(chunk=number, ids=ids) for number, ids in enumerate(chunks, 1))]
    content = b"".join(encode_line(line) + b"\n" for line in lines)
    digest = _digest(content)
    remove_abandoned(path.parent, f"*{PLAN_SUFFIX}")
    with create_unnamed(path) as file:
        file.write(content + encode_line(_End(digest=digest)) + b"\n")
        file.publish()
    return WithoutPersonPlan(path=path, header=header, chunks=tuple(chunks), digest=digest)


def read_plan_header(path: Path) -> WithoutPersonHeader:
    """Return the header of a plan; nothing else of it is read.

    Raises:
        PlanError: it is another kind of file, has another format, or cannot be read.
    """
    return _header(path, _read(path, first_line=True))


def read_plan(path: Path) -> WithoutPersonPlan:
    """Return a plan.

    Raises:
        PlanError: it is another kind of file, was changed after it was written, or cannot be read.
    """
    data = _read(path)
    header = _header(path, data.partition(b"\n")[0])
    lines = data.split(b"\n")
    try:
        found = [decode_line(line, _LINE) for line in lines[1:-1]]
        *chunks, end = found
        if lines[-1] or not isinstance(end, _End) or end.digest != _digest(data[: data.rindex(b"\n", 0, -1) + 1]):
            raise ValueError
        ids = tuple(chunk.ids for chunk in chunks if isinstance(chunk, _Chunk))
        if len(ids) < len(chunks) or digest_of(ids) != header.ids_digest:
            raise ValueError
    except ValueError:
        raise PlanError(path, "was changed after it was created", _NEW_PLAN) from None
    return WithoutPersonPlan(path=path, header=header, chunks=ids, digest=end.digest)


def _header(path: Path, line: bytes) -> WithoutPersonHeader:
    if not is_without_person_plan(line):
        raise PlanError(path, "is not a plan for events without a person", "name another file with --plan")
    try:
        header = decode_line(line, _HEADER)
    except ValueError:
        raise PlanError(path, "was changed after it was created", _NEW_PLAN) from None
    if header.format != FORMAT:
        problem = f"has plan format {header.format}, but this version reads format {FORMAT}"
        raise PlanError(path, problem, "use the version that wrote it")
    return header


def _read(path: Path, *, first_line: bool = False) -> bytes:
    if not os.path.lexists(path):
        raise PlanError(path, NO_SUCH_FILE, "check the name")
    fd = open_regular(path, os.O_RDONLY, PlanError)
    with as_file_trouble(path, "cannot be read", PlanError), os.fdopen(fd, "rb") as file:
        return file.readline(_MAX_LINE).rstrip(b"\n") if first_line else file.read()


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"
