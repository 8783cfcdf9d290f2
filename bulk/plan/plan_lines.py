"""The lines of a plan file: header, targets and footer, and the digest that identifies a plan. Pure.

The digest covers every byte before the footer: what would be done, and to which persons. It does not depend on when the
plan was made, which the footer says, so a plan that is made again for the same persons has the same digest. The footer
carries a checksum of itself.
"""

import hashlib
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import msgspec

from bulk.files.content_meter import InputContent
from bulk.files.json_lines import decode_line, decode_lines, encode_line
from bulk.property_checks import DesiredProperties
from bulk.requests.job_record import JobRecord

FORMAT = 1
"""The plan format that this version writes and reads."""
MAX_LINE = 16 << 20
"""Maximum bytes of a line."""
DIGEST_PREFIX = "sha256:"
SHORT_DIGEST = 12
"""Hex digits of a digest that are enough to identify it."""

_CHECK = b',"check":"%b"}\n'
_CHECK_SIZE = len(_CHECK % bytes(16))


class PlanHeader(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a plan was made for.

    Arguments:
        operation: the operation with its parameters.
        selection: its summary, and details that may hold values.
        created_at: ISO 8601 in UTC; the file has it in its footer, and in its header in plans of earlier versions.
        version: the version of this program that made the plan.
        record: who ordered the job and why; None if nothing was given, and in plans of earlier versions.
    """

    format: int
    project_id: int
    project_name: str
    host: str
    operation: dict[str, Any]
    selection: dict[str, Any]
    version: str
    record: JobRecord | None = None
    created_at: str = ""

    def __repr__(self) -> str:  # selection and operation may hold personal data
        return f"PlanHeader(format={self.format}, project_id={self.project_id}, host={self.host!r})"


class Target(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """A person in a plan (guarantee 22).

    Arguments:
        number: its position in the plan, from 0.
        uuid: the person's UUID.
        created_at: the person's creation time.
        distinct_id: the distinct ID that selected the person, or one by which it can be looked up.
        line: the number of the input line that selected the person; None for a filter or a query, and in plans of
            versions that did not record it.
    """

    number: int
    uuid: UUID
    created_at: datetime
    distinct_id: str | None = None
    line: int | None = None

    def __repr__(self) -> str:
        return f"Target(number={self.number})"


class RecordingNote(NamedTuple):
    """What a plan notes of a person whose recordings are to be deleted (contract 6.7).

    Arguments:
        distinct_ids: all distinct IDs of the person.
        recordings: how many recordings the server showed that were not deleted; None if it could not be asked.
    """

    distinct_ids: tuple[str, ...]
    recordings: int | None = None

    def __repr__(self) -> str:
        return f"RecordingNote(recordings={self.recordings})"


class NotedTarget(Target, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """A target with the note of its recordings and its own values; the same line is read as a `Target` where neither is
    needed.

    Arguments:
        distinct_ids, recordings: as in `RecordingNote`; None if the plan has no note.
        change: the values that the person gets; None if all persons get the same.
    """

    distinct_ids: tuple[str, ...] | None = None
    recordings: int | None = None
    change: DesiredProperties | None = None

    @property
    def note(self) -> RecordingNote | None:
        """The note of the recordings, if there is one."""
        return None if not self.distinct_ids else RecordingNote(self.distinct_ids, self.recordings)


class PlanFooter(msgspec.Struct, frozen=True, kw_only=True):
    """The last line of a plan.

    Arguments:
        count: targets in the plan.
        digest: covers header and targets, not the rest of the footer.
        spent: times of the planner's own requests by rate limit, in epoch seconds (guarantee 13).
        findings: the findings of the input check.
        input: the content of the selection's input; None for a filter, and in plans of versions that did not record it.
        receipts: the key of the receipts beside the plan, in hex; None in plans of versions that wrote none.
        created_at: when the plan was made, in ISO 8601 in UTC; None in plans of earlier versions.
        checks: locate a change in the lines before the footer (`bulk.files.line_checksums`); empty in plans of earlier
            versions.
    """

    count: int
    digest: str
    spent: dict[str, list[float]]
    findings: list[Any]
    input: InputContent | None = None
    receipts: str | None = None
    created_at: str | None = None
    checks: str = ""

    def __repr__(self) -> str:
        return f"PlanFooter(count={self.count}, digest={self.digest!r})"


class _Format(msgspec.Struct, frozen=True):
    format: int


_FORMATS = msgspec.json.Decoder(_Format)
_HEADERS = msgspec.json.Decoder(PlanHeader)
_TARGETS = msgspec.json.Decoder(Target)
_NOTED_TARGETS = msgspec.json.Decoder(NotedTarget)
_FOOTERS = msgspec.json.Decoder(PlanFooter)


def short_digest(digest: str) -> str:
    """Return the short form of a digest, which people read and type."""
    return digest.removeprefix(DIGEST_PREFIX)[:SHORT_DIGEST]


def without_time(header: PlanHeader) -> PlanHeader:
    """Return a header as the file has it."""
    return msgspec.structs.replace(header, created_at="")


def with_time(header: PlanHeader, footer: PlanFooter) -> PlanHeader:
    """Return the header of a file with the time that its footer has."""
    return header if footer.created_at is None else msgspec.structs.replace(header, created_at=footer.created_at)


def digest_matches(digest: str, given: str) -> bool:
    """Return whether a text is this digest, or at least its first twelve hex digits.

    Arguments:
        digest: the full digest of a plan.
        given: the text, with or without `sha256:`, in upper or lower case.
    """
    wanted = given.strip().lower().removeprefix(DIGEST_PREFIX)
    return len(wanted) >= SHORT_DIGEST and digest.removeprefix(DIGEST_PREFIX).startswith(wanted)


def encode_footer(footer: PlanFooter) -> bytes:
    """Return the line of a footer, with checksum and line end."""
    body = encode_line(footer)[:-1]
    return body + _CHECK % _checksum(body)


def decode_footer(line: bytes) -> PlanFooter | None:
    """Return the footer of a line, or None where its checksum is wrong.

    Raises:
        ValueError: the line is not a footer.
    """
    body = line[:-_CHECK_SIZE]
    footer = decode_line(body + b"}", _FOOTERS)
    return footer if line[-_CHECK_SIZE:] == _CHECK % _checksum(body) else None


def decode_format(line: bytes) -> int:
    """Return the format number of a header line; raises ValueError where it has none."""
    return decode_line(line, _FORMATS).format


def decode_header(line: bytes) -> PlanHeader:
    """Return the header of a line; raises ValueError where it is not a header."""
    return decode_line(line, _HEADERS)


def decode_targets(block: bytes) -> list[Target] | int:
    """Return the targets of a block of complete lines, or the index of the first line that is not a target."""
    targets = decode_lines(block, _TARGETS)
    if targets is not None:
        return targets
    targets = []
    for line in block[:-1].split(b"\n"):
        try:
            targets.append(decode_line(line, _TARGETS))
        except ValueError:
            return len(targets)
    return targets


def decode_notes(block: bytes) -> list[RecordingNote | None]:
    """Return the notes of a block of complete lines; raises ValueError where one is not a target."""
    return [decode_line(line, _NOTED_TARGETS).note for line in block[:-1].split(b"\n")]


def decode_changes(block: bytes) -> list[DesiredProperties | None]:
    """Return the values of a block of complete lines; raises ValueError where one is not a target."""
    noted = decode_lines(block, _NOTED_TARGETS)
    if noted is None:
        noted = [decode_line(line, _NOTED_TARGETS) for line in block[:-1].split(b"\n")]
    return [target.change for target in noted]


def _checksum(body: bytes) -> bytes:
    return hashlib.sha256(body).hexdigest()[:16].encode("ascii")
