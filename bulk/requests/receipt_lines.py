"""The lines of a receipts file, which tells years later whether a person was part of a job. Pure.

IDs are in it as keyed references only: HMAC-SHA-256 under a key that is made for the job, cut to 128 bits. The key is
in the first line. With the file, anyone can check a guess, so it is personal data; without the key it is not.

Each line ends with a checksum that continues the one of the line before, so that a changed, missing, doubled or moved
line is found. The first line stands for itself, because the key is entered last.
"""

import re
from binascii import b2a_base64
from collections.abc import Iterable
from enum import Enum
from hashlib import sha256
from uuid import UUID
from zlib import crc32

import msgspec

from bulk.files.json_lines import encode_line

FORMAT = 1
"""The format of receipts that this version writes and reads."""
NO_KEY = "0" * 64
"""The key in a file whose plan is not in its place yet."""
NO_JOB = "0" * 16
"""The job in a file whose plan was never run."""
REFERENCE_BYTES = 16
MAX_LINE = 16 << 20
"""Maximum bytes of a line."""
_LETTERS = 22
"""Letters of 16 bytes in base64, without padding."""
_REFERENCE = "reference"
_PERSON = b'{"type":"person","target":%d,"uuid":"%b"'
_KNOWN_BY = b',"distinct_id":"%b"'
_CRC = b',"crc":"%08x"}'
_CLOSED = b"%b" + _CRC + b"\n"
CRC_SIZE = len(_CRC % 0)
_BLOCK = 64
_INNER = bytes(each ^ 0x36 for each in range(256))
_OUTER = bytes(each ^ 0x5C for each in range(256))
_UUID = re.compile(r"[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}", re.IGNORECASE | re.ASCII)
_SHORTEST_ID = 4


class IdKind(Enum):
    """What an ID is."""

    DISTINCT_ID = "distinct_id"
    UUID = "uuid"
    EMAIL = "email"


class _Line(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="type", gc=False):
    pass


class ReceiptsHeader(_Line, frozen=True, tag="receipts"):
    """The first line.

    Arguments:
        format: `FORMAT`.
        name: a random name, from which the checksums of the other lines start.
        key: of the keyed references, in hex; `NO_KEY` before the plan is in its place.
        job: the random name in the journal of the job; `NO_JOB` before its first run.
        host: of the server.
        project_id: the project.
        created_at: ISO 8601 in UTC.
        folds_case: whether emails are compared without upper and lower case.
    """

    format: int
    name: str
    key: str
    job: str
    host: str
    project_id: int
    created_at: str
    folds_case: bool = False

    def __repr__(self) -> str:  # the key is a secret
        return f"ReceiptsHeader(name={self.name!r})"


class PersonEntry(_Line, frozen=True, tag="person"):
    """A target: its number in the plan, and the references of its UUID and of the distinct ID that the plan has."""

    target: int
    uuid: str
    distinct_id: str | None = None


class LineEntry(_Line, frozen=True, tag="line"):
    """An input line: what became of it.

    Arguments:
        line: its number, counted from 1.
        id: the reference of its ID; None if the line has none that can be used.
        outcome: `selected`, `unmatched`, `unread`, `protected`, `refused`, `repeated` or `already_selected`.
        targets: the numbers of the targets that it added.
        persons: the references of the UUIDs of persons that earlier lines added.
        reason: why the line is refused.
        reference: of the request; None if it has none, or looks like an ID of a person.
        reference_id: the keyed reference of a reference that looks like an ID of a person.
        received: the day of its receipt, ISO 8601.
        due: the day on which it is due, ISO 8601.
    """

    line: int
    id: str | None = None
    outcome: str = "selected"
    targets: str | None = None
    persons: tuple[str, ...] = ()
    reason: str | None = None
    reference: str | None = None
    reference_id: str | None = None
    received: str | None = None
    due: str | None = None


class ReceiptsFooter(_Line, frozen=True, tag="end"):
    """The last line: what the file holds, the plan that it belongs to, and a digest of the lines after the first."""

    persons: int
    lines: int
    plan_digest: str
    digest: str


Entry = PersonEntry | LineEntry
AnyLine = ReceiptsHeader | PersonEntry | LineEntry | ReceiptsFooter
DECODER: msgspec.json.Decoder[AnyLine] = msgspec.json.Decoder(AnyLine)


class Keyed:
    """Computes keyed references.

    Arguments:
        key: in hex.
        folds_case: whether emails are compared without upper and lower case.
    """

    def __init__(self, key: str, *, folds_case: bool = False) -> None:
        padded = bytes.fromhex(key).ljust(_BLOCK, b"\0")
        # what the hmac module hashes too, without its states, which take twice as long for millions of IDs
        self._outer, inner = padded.translate(_OUTER), padded.translate(_INNER)
        kinds = (*(kind.value for kind in IdKind), _REFERENCE)
        self._inner = {kind: b"%b%b\0" % (inner, kind.encode("ascii")) for kind in kinds}
        self._folds_case = folds_case

    def id(self, kind: IdKind, value: str) -> str:
        """Return the reference of an ID."""
        if kind is IdKind.UUID:
            return self.uuid(UUID(value))
        if kind is IdKind.EMAIL and self._folds_case:
            value = value.casefold()
        return self._of(kind.value, value).decode("ascii")

    def request(self, reference: str) -> str:
        """Return the keyed reference of a request's own reference."""
        return self._of(_REFERENCE, reference).decode("ascii")

    def uuid(self, uuid: UUID) -> str:
        """Return the reference of a UUID."""
        return self._of_bytes(IdKind.UUID.value, uuid.bytes).decode("ascii")

    def persons(self, first: int, persons: Iterable[tuple[UUID, str | None]], before: int) -> tuple[bytes, int]:
        """Return the encoded lines of targets, as `encode(PersonEntry)` would make them one by one, but faster.

        Arguments:
            first: the number of the first target.
            persons: the UUID of each target, and its distinct ID if that is to be found.
            before: the checksum that the first line continues.
        """
        lines, checksum = [], before
        of_bytes, by_uuid, by_distinct_id = self._of_bytes, IdKind.UUID.value, IdKind.DISTINCT_ID.value
        for target, (uuid, distinct_id) in enumerate(persons, first):
            body = _PERSON % (target, of_bytes(by_uuid, uuid.int.to_bytes(16, "big")))
            if distinct_id is not None:
                body += _KNOWN_BY % self._of(by_distinct_id, distinct_id)
            checksum = crc32(body, checksum)
            lines.append(_CLOSED % (body, checksum))
        return b"".join(lines), checksum

    def _of(self, kind: str, value: str) -> bytes:
        return self._of_bytes(kind, value.encode("utf-8", "surrogatepass"))

    def _of_bytes(self, kind: str, value: bytes) -> bytes:
        digest = sha256(self._outer + sha256(self._inner[kind] + value).digest()).digest()
        return b2a_base64(digest[:REFERENCE_BYTES], newline=False)[:_LETTERS]


def looks_like_id(reference: str, value: str | None) -> bool:
    """Return whether the reference of a request may identify a person: it holds an email, a UUID or its line's ID."""
    if "@" in reference or _UUID.search(reference):
        return True
    return value is not None and len(value) >= _SHORTEST_ID and value.casefold() in reference.casefold()


def first_sum(name: str) -> int:
    """Return the checksum that the second line continues."""
    return crc32(name.encode("utf-8"))


def encode(line: AnyLine, before: int) -> tuple[bytes, int]:
    """Return a line with its checksum and line end, and the checksum that the next line continues."""
    body = encode_line(line)[:-1]
    checksum = crc32(body, before)
    return _CLOSED % (body, checksum), checksum


def check(line: bytes, before: int) -> int | None:
    """Return the checksum of a line without its line end, or None where it is not that one."""
    checksum = crc32(line[:-CRC_SIZE], before)
    return checksum if line[-CRC_SIZE:] == _CRC % checksum else None
