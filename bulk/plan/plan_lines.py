"""The lines of a plan file: header, target, footer, and the digest that names a plan.

Values and bytes only; knows nothing of files. The digest covers every byte before the footer, the footer
carries a checksum of itself.
"""

import hashlib
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from bulk.files.json_lines import decode_line, decode_lines, encode_line

FORMAT = 1
"""The plan format that this version writes and reads."""
MAX_LINE = 16 << 20
"""Bytes that a line may have."""
DIGEST_PREFIX = "sha256:"
SHORT_DIGEST = 12
"""Hex digits of a digest that are enough to name it."""

_CHECK = b',"check":"%b"}\n'
_CHECK_SIZE = len(_CHECK % bytes(16))


class PlanHeader(msgspec.Struct, frozen=True, kw_only=True):
    """What the plan is for. `created_at` is ISO 8601 in UTC, `version` is the product's that made it."""

    format: int
    project_id: int
    project_name: str
    host: str
    operation: dict[str, Any]
    selection: dict[str, Any]
    created_at: str
    version: str

    def __repr__(self) -> str:  # a selection may name persons, an operation values
        return f"PlanHeader(format={self.format}, project_id={self.project_id}, host={self.host!r})"


class Target(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """A person by uuid, `created_at` and the distinct id that selected it (promise 22).

    `number` counts from 0.
    """

    number: int
    uuid: UUID
    created_at: datetime
    distinct_id: str | None = None

    def __repr__(self) -> str:
        return f"Target(number={self.number})"


class PlanFooter(msgspec.Struct, frozen=True, kw_only=True):
    """What closes a plan.

    `spent` are the times of the planner's own requests by bucket, in epoch seconds (promise 13); `findings`
    is what the planner has to say of its input. Neither is part of what the digest covers.
    """

    count: int
    digest: str
    spent: dict[str, list[float]]
    findings: list[Any]

    def __repr__(self) -> str:
        return f"PlanFooter(count={self.count}, digest={self.digest!r})"


class _Format(msgspec.Struct, frozen=True):
    format: int


_FORMATS = msgspec.json.Decoder(_Format)
_HEADERS = msgspec.json.Decoder(PlanHeader)
_TARGETS = msgspec.json.Decoder(Target)
_FOOTERS = msgspec.json.Decoder(PlanFooter)


def short_digest(digest: str) -> str:
    """Return the form of a digest that people read and type."""
    return digest.removeprefix(DIGEST_PREFIX)[:SHORT_DIGEST]


def digest_matches(digest: str, given: str) -> bool:
    """Tell whether what somebody gave names this digest: all of it, or at least its first twelve hex digits.

    Args:
        digest: the full digest of a plan.
        given: with or without `sha256:`, in either case.
    """
    wanted = given.strip().lower().removeprefix(DIGEST_PREFIX)
    return len(wanted) >= SHORT_DIGEST and digest.removeprefix(DIGEST_PREFIX).startswith(wanted)


def encode_footer(footer: PlanFooter) -> bytes:
    """Return the footer's line with its checksum and line end."""
    body = encode_line(footer)[:-1]
    return body + _CHECK % _checksum(body)


def decode_footer(line: bytes) -> PlanFooter | None:
    """Return the footer that a line holds, or None where its checksum fails.

    Raises:
        ValueError: the line is no footer at all.
    """
    body = line[:-_CHECK_SIZE]
    footer = decode_line(body + b"}", _FOOTERS)
    return footer if line[-_CHECK_SIZE:] == _CHECK % _checksum(body) else None


def decode_format(line: bytes) -> int:
    """Return the format that a header line states; raises ValueError where it states none."""
    return decode_line(line, _FORMATS).format


def decode_header(line: bytes) -> PlanHeader:
    """Return the header that a line holds; raises ValueError where it holds none."""
    return decode_line(line, _HEADERS)


def decode_targets(block: bytes) -> list[Target] | int:
    """Return the targets of a block of whole lines, or the index in it of the first line that is none."""
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


def _checksum(body: bytes) -> bytes:
    return hashlib.sha256(body).hexdigest()[:16].encode("ascii")
