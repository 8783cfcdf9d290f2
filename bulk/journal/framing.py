"""The frame of a journal line: a sequence number first, a checksum last. Turns bytes into records and back. Pure.

FORMAT.md describes the frame. Guarantees 3 and 4 define an incomplete end (a torn tail) and damage.
"""

import re
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any, Generic, NoReturn, TypeVar
from zlib import crc32

import msgspec

from bulk.errors import JournalDamaged
from bulk.files.json_lines import decode_line, decode_lines, encode_line

T = TypeVar("T")

MAX_LINE = 16 << 20
"""Maximum length of a line, in bytes."""

_CRC = b',"crc":"%08x"}'
_CRC_SIZE = len(_CRC % 0)
_CRC_START = b',"crc":"'
_NUMBER = b'{"n":%d,'
_FIRST = _NUMBER % 0
_NUMBERED = re.compile(rb'\{"n":(0|[1-9][0-9]{0,18}),')
_CHECKED = re.compile(rb',"crc":"[0-9a-f]{8}"\}')
_FRAME = re.compile(rb'\{"n":[0-9]+,[ -\x7f]*,"crc":"[0-9a-f]{8}"\}')
_JSON = re.compile(rb"[ -\x7f]*")  # ASCII; JSON escapes all control characters except DEL
_BROKEN = "fails its checksum"
_UNFINISHED = "has no line end"
_FOREIGN = "and another complete line fail their checksums: they were changed, or belong to another journal"
_OTHER_JOB = "belongs to another journal than the lines after it"
_ZEROS = "consists of NUL bytes"


class Clean(msgspec.Struct, frozen=True):
    """The journal ends with a complete line. `seed` is None if it has no line."""

    next_n: int
    seed: int | None
    size: int


class TornTail(msgspec.Struct, frozen=True):
    """No complete line starts at or after byte `offset` (guarantee 3); `next_n` lines come before it."""

    next_n: int
    seed: int | None
    offset: int
    reason: str


class Framing(Generic[T]):
    """Encodes records as lines, and makes readers that decode lines.

    Arguments:
        kind: a tagged union of msgspec structs without fields `n` and `crc`; none forbids unknown fields.
        job: returns the job's random name for a first record, and None for any other record.
    """

    def __init__(self, kind: Any, *, job: Callable[[T], str | None]) -> None:
        for name in _field_names(msgspec.inspect.type_info(kind)):
            if name in ("n", "crc"):
                raise ValueError(f"the field {name!r} is reserved for the frame")
            if not name:
                raise ValueError("every kind of record needs a tag")
        self.decoder: msgspec.json.Decoder[T] = msgspec.json.Decoder(kind)
        self._job = job

    def seed(self, first: T) -> int:
        """Return the start value of all checksums of a journal; raises ValueError if this is no first record."""
        job = self._job(first)
        if job is None:
            raise ValueError("the first record of a journal must name its job")
        return crc32(job.encode("utf-8", "surrogatepass"))

    def encode(self, record: T, n: int, seed: int) -> bytes:
        """Return the line of record number `n`, with its line end; raises ValueError if it is too long."""
        body = _NUMBER % n + encode_line(record)[1:-1]
        if len(body) > MAX_LINE - _CRC_SIZE - 1:
            raise ValueError(f"a journal line has at most {MAX_LINE} bytes, not {len(body)}")
        return b"%b%b\n" % (body, _CRC % crc32(body, seed))

    def reader(self, path: Path) -> "Reader[T]":
        """Return a reader for the bytes of one journal; `path` is only used in errors."""
        return Reader(self, path)


class Reader(Generic[T]):
    """Decodes the bytes of a journal piece by piece; keeps at most one piece and one line in memory."""

    def __init__(self, framing: Framing[T], path: Path) -> None:
        self._framing = framing
        self._path = path
        self._next_n = 0
        self._seed: int | None = None
        self._offset = 0  # where the next line starts
        self._rest: deque[bytes] = deque()  # the start of a line whose end was not fed yet
        self._kept = 0  # its length in bytes
        self._misfit: tuple[int, int] | None = (
            None  # the first line of the torn tail that is complete except for its checksum
        )
        self._torn: str | None = None  # why the rest of the file is a torn tail

    def feed(self, piece: bytes) -> list[T]:
        """Return the records of the lines that the next piece completes.

        Raises:
            JournalDamaged: an intact line follows a damaged one, or is out of order.
        """
        end = piece.rfind(b"\n") + 1
        if not end:
            self._keep(piece)
            return []
        lines = b"".join((*self._rest, piece[:end]))
        self._rest.clear()
        self._kept = 0
        records: list[T] = []
        if self._torn is None:
            records = self._take(lines)
        else:
            self._refuse_sound_lines(lines, 0)
        self._keep(piece[end:])
        return records

    def finish(self) -> Clean | TornTail:
        """Return how the journal ends; raises JournalDamaged as `feed` does."""
        rest = b"".join(self._rest)
        if rest:
            # a line that lacks only its line end is damage only if something before it is broken
            self._refuse_sound_lines(rest, 0 if self._torn else 1)
            if self._next_n or not _starts_a_header(rest):
                self._tear(_UNFINISHED if rest.strip(b"\0") else _ZEROS)
            else:
                self._torn = _UNFINISHED
        if self._torn is None:
            return Clean(self._next_n, self._seed, self._offset)
        return TornTail(self._next_n, self._seed, self._offset, self._torn)

    def _keep(self, piece: bytes) -> None:
        if piece:
            self._rest.append(piece)
            self._kept += len(piece)
        if self._kept > MAX_LINE:
            self._tear(_UNFINISHED)
            while self._kept - len(self._rest[0]) >= MAX_LINE:
                self._kept -= len(self._rest.popleft())

    def _take(self, block: bytes) -> list[T]:
        lines = block.split(b"\n")
        lines.pop()
        first = self._next_n
        seed = self._seed if self._seed is not None else self._first_seed(lines[0])
        taken = _in_order(lines, first, seed)
        good = len(block) if taken == len(lines) else sum(map(len, lines[:taken])) + taken
        records = self._decode(block[:good], first)
        n = self._next_n = first + taken
        self._offset += good
        if n:
            self._seed = seed
        if good < len(block):
            number = self._sound(lines[taken])
            if number is not None:
                self._damaged(f"has number {number} instead of {n}: a line is missing, doubled or moved")
            self._tear(_BROKEN)
            self._refuse_sound_lines(block[good:], 0)
        return records

    def _first_seed(self, line: bytes) -> int:
        try:
            return self._framing.seed(decode_line(_unframed(line), self._framing.decoder))
        except ValueError:
            self._damaged("is not the first line of a journal")

    def _decode(self, block: bytes, first: int) -> list[T]:
        decoder = self._framing.decoder
        records = decode_lines(block, decoder)
        if records is not None:
            return records
        records = []
        for line in block[:-1].split(b"\n"):
            try:
                records.append(decode_line(_unframed(line), decoder))
            except ValueError:
                self._next_n = first + len(records)
                self._damaged("is intact, but holds no record that this version knows")
        return records

    def _sound(self, line: bytes) -> int | None:
        """Return the number of a line with a correct checksum, wherever it stands; None for any other line."""
        number = _NUMBERED.match(line)
        if number is None or self._seed is None:
            return None
        if line[-_CRC_SIZE:] != _CRC % crc32(line[:-_CRC_SIZE], self._seed):
            return None
        return int(number[1])

    def _refuse_sound_lines(self, region: bytes, start: int) -> None:
        """Raise if an intact line follows the damage, even after a lost line end.

        Also raise if two lines are complete except for their checksums: a crash cannot leave that, but a first line
        of another journal can.
        """
        for line in region.split(b"\n"):
            if line[-_CRC_SIZE:].startswith(_CRC_START):
                for match in _NUMBERED.finditer(line, start):
                    if self._sound(line[match.start() :]) is not None:
                        self._damaged(_BROKEN)
                if _FRAME.fullmatch(line):
                    self._refuse_second_misfit(line)

    def _refuse_second_misfit(self, line: bytes) -> None:
        misfit = _seed_effect(line)
        if self._misfit is None:
            self._misfit = misfit
        elif self._next_n == 1 and _same_seed(self._misfit, misfit):
            raise JournalDamaged(self._path, 1, _OTHER_JOB)
        else:
            self._damaged(_FOREIGN)

    def _tear(self, reason: str) -> None:
        if self._next_n == 0:
            self._damaged(_BROKEN)
        if self._torn is None:
            self._torn = reason

    def _damaged(self, problem: str) -> NoReturn:
        raise JournalDamaged(self._path, self._next_n + 1, problem)


def _in_order(lines: list[bytes], first: int, seed: int) -> int:
    """Return how many lines, from the start, are intact and are numbered from `first` on."""
    count = len(lines)
    size = len(_NUMBER % first)
    if size == len(_NUMBER % (first + count - 1)):
        # checking all at once takes two thirds of the time; a line that is too short makes the joined bytes too short
        sums = tuple([crc32(line[:-_CRC_SIZE], seed) for line in lines])
        ends = b"".join([line[-_CRC_SIZE:] for line in lines])
        starts = b"".join([line[:size] for line in lines])
        if ends == _CRC * count % sums and starts == _NUMBER * count % tuple(range(first, first + count)):
            return count
    for taken, line in enumerate(lines):
        start = _NUMBER % (first + taken)
        if line[-_CRC_SIZE:] != _CRC % crc32(line[:-_CRC_SIZE], seed) or not line.startswith(start):
            return taken
    return count


def _seed_effect(line: bytes) -> tuple[int, int]:
    """Return a line's length, and the part of its checksum that comes from the seed."""
    body = line[:-_CRC_SIZE]
    return len(body), int(line[-_CRC_SIZE + len(_CRC_START) : -2], 16) ^ crc32(body)


def _same_seed(one: tuple[int, int], other: tuple[int, int]) -> bool:
    """Return whether the checksums of two lines start from the same seed; a CRC is linear in its seed."""
    (size, effect), (longer, expected) = sorted((one, other))
    zeros = bytes(longer - size)
    return crc32(zeros, effect) ^ crc32(zeros) == expected


def _unframed(line: bytes) -> bytes:
    """Return a line's JSON without the frame."""
    body = line[:-_CRC_SIZE]
    return b"{" + body[body.find(b",") + 1 :] + b"}"


def _starts_a_header(rest: bytes) -> bool:
    """Return whether these bytes are an incomplete first line: the journal was being created, and nothing was sent."""
    if not (rest.startswith(_FIRST) or _FIRST.startswith(rest)) or not _JSON.fullmatch(rest):
        return False
    end = _CHECKED.search(rest)
    return end is None or end.end() == len(rest)


def _field_names(kind: msgspec.inspect.Type) -> list[str]:
    if isinstance(kind, msgspec.inspect.UnionType):
        return [name for member in kind.types for name in _field_names(member)]
    if isinstance(kind, msgspec.inspect.StructType):
        return [field.encode_name for field in kind.fields] + [kind.tag_field or ""]
    return []
