"""The frame of a journal line: sequence number first, checksum last; and what a broken one means.

Bytes in, records out; knows nothing of files or of what the records say. FORMAT.md describes the frame,
promises 3 and 4 say what is a torn tail and what is damage.
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
"""Bytes that a line may have."""

_CRC = b',"crc":"%08x"}'
_CRC_SIZE = len(_CRC % 0)
_CRC_START = b',"crc":"'
_NUMBER = b'{"n":%d,'
_FIRST = _NUMBER % 0
_NUMBERED = re.compile(rb'\{"n":(0|[1-9][0-9]{0,18}),')
_CHECKED = re.compile(rb',"crc":"[0-9a-f]{8}"\}')
_FRAME = re.compile(rb'\{"n":[0-9]+,[ -\x7f]*,"crc":"[0-9a-f]{8}"\}')
_JSON = re.compile(rb"[ -\x7f]*")  # ASCII; JSON escapes control characters, all but the last
_BROKEN = "fails its checksum"
_UNFINISHED = "has no line end"
_FOREIGN = "and another whole line fail their checksums: they are changed, or of another journal"
_OTHER_JOB = "is the first line of another journal than the one that the lines behind it are of"
_ZEROS = "is nothing but NULs"


class Clean(msgspec.Struct, frozen=True):
    """The journal ends with a whole line. `seed` is None while there is no line."""

    next_n: int
    seed: int | None
    size: int


class TornTail(msgspec.Struct, frozen=True):
    """From `offset` (in bytes) on there is no whole line (promise 3); before it there are `next_n`."""

    next_n: int
    seed: int | None
    offset: int
    reason: str


class Framing(Generic[T]):
    """How records become lines, and lines records.

    Args:
        kind: a tagged union of msgspec structs; none has a field `n` or `crc`, none forbids unknown fields.
        job: the random name of the job that a first record carries, and None for any other record.
    """

    def __init__(self, kind: Any, *, job: Callable[[T], str | None]) -> None:
        for name in _field_names(msgspec.inspect.type_info(kind)):
            if name in ("n", "crc"):
                raise ValueError(f"the field {name!r} is the frame's own")
            if not name:
                raise ValueError("every kind of record needs a tag")
        self.decoder: msgspec.json.Decoder[T] = msgspec.json.Decoder(kind)
        self._job = job

    def seed(self, first: T) -> int:
        """Return what all checksums of a journal start from; raises ValueError for no first record."""
        job = self._job(first)
        if job is None:
            raise ValueError("the first record of a journal must name its job")
        return crc32(job.encode("utf-8", "surrogatepass"))

    def encode(self, record: T, n: int, seed: int) -> bytes:
        """Return the line of record number `n`, line end included; raises ValueError where it is too long."""
        body = _NUMBER % n + encode_line(record)[1:-1]
        if len(body) > MAX_LINE - _CRC_SIZE - 1:
            raise ValueError(f"a journal line has at most {MAX_LINE} bytes, not {len(body)}")
        return b"%b%b\n" % (body, _CRC % crc32(body, seed))

    def reader(self, path: Path) -> "Reader[T]":
        """Return a reader for the bytes of one journal; `path` is only its name in what is raised."""
        return Reader(self, path)


class Reader(Generic[T]):
    """Takes the bytes of a journal in pieces and gives its records; holds one piece and one line at most."""

    def __init__(self, framing: Framing[T], path: Path) -> None:
        self._framing = framing
        self._path = path
        self._next_n = 0
        self._seed: int | None = None
        self._offset = 0  # where the line that comes next starts
        self._rest: deque[bytes] = deque()  # the start of a line whose end has not come yet
        self._kept = 0  # bytes of that
        self._misfit: tuple[int, int] | None = None  # the first line of the torn tail that only its checksum fails
        self._torn: str | None = None  # why no line is taken any more

    def feed(self, piece: bytes) -> list[T]:
        """Take the next piece and return the records of the lines that it completes.

        Raises:
            JournalDamaged: a line is damaged and a sound one follows, or a sound one is out of its place.
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
        """Say how the journal ends; raises JournalDamaged as `feed` does."""
        rest = b"".join(self._rest)
        if rest:
            # a line that lacks nothing but its end speaks for damage only where something before it is broken
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
                self._damaged(f"has the number {number} where {n} belongs: a line is missing, doubled or moved")
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
                self._damaged("is whole, but holds nothing that this version knows")
        return records

    def _sound(self, line: bytes) -> int | None:
        """Return the number of a line whose own checksum is right, wherever it stands."""
        number = _NUMBERED.match(line)
        if number is None or self._seed is None:
            return None
        if line[-_CRC_SIZE:] != _CRC % crc32(line[:-_CRC_SIZE], self._seed):
            return None
        return int(number[1])

    def _refuse_sound_lines(self, region: bytes, start: int) -> None:
        """Raise where a sound line follows the damage, even behind a line end that was lost.

        And where two lines are whole but for their checksums: no crash leaves that, a foreign first line does.
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
    """Return how many lines, from the start, are whole and carry the numbers from `first` on."""
    count = len(lines)
    size = len(_NUMBER % first)
    if size == len(_NUMBER % (first + count - 1)):
        # all at once takes two thirds of the time of one by one; pieces that are too short make the whole too short
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
    """Return what a line's seed has made of its checksum, and over how many bytes."""
    body = line[:-_CRC_SIZE]
    return len(body), int(line[-_CRC_SIZE + len(_CRC_START) : -2], 16) ^ crc32(body)


def _same_seed(one: tuple[int, int], other: tuple[int, int]) -> bool:
    """Tell whether the checksums of two lines start from the same value, whichever it is: a CRC is linear in it."""
    (size, effect), (longer, expected) = sorted((one, other))
    zeros = bytes(longer - size)
    return crc32(zeros, effect) ^ crc32(zeros) == expected


def _unframed(line: bytes) -> bytes:
    """Return the record's own JSON."""
    body = line[:-_CRC_SIZE]
    return b"{" + body[body.find(b",") + 1 :] + b"}"


def _starts_a_header(rest: bytes) -> bool:
    """Tell whether a journal was cut while its very first line was written: nothing was ever sent then."""
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
