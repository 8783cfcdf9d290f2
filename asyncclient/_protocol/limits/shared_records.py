"""The records of a limits file, in which processes share the rate limits of one key. Pure: bytes in, values out.

The file has a header of 64 bytes and then records of 32 bytes. Each process appends a record for each permit that it
takes and for each request that ends, and reads those of the others. So all of them compute the same state. The file has
no key, but a keyed hash by which a file of another key is recognized.
"""

import hashlib
import struct
from enum import IntEnum
from typing import NamedTuple
from zlib import crc32

import msgspec

from asyncclient._protocol.limits.rate_limits import Bucket

MAGIC = b"PHLIMIT1"
HEADER_SIZE = 64
RECORD_SIZE = 32
"""A record never crosses a page of the file system, because the header's size is a multiple of it."""
MAX_AMOUNT = 0xFFFFFFFF
UNKNOWN_BOOT = bytes(16)

_HEADER = struct.Struct("<8s16s16s16s4sI")
_RECORD = struct.Struct("<BBHIddI")
_CHECKSUM = struct.Struct("<I")
_BUCKETS = tuple(Bucket)
"""The number of a bucket in a record is its place here; new ones are added at the end."""


class RecordKind(IntEnum):
    """What a record of a limits file says."""

    TAKEN = 1
    """A process took a permit: `at`, in `time_s` too."""
    ENDED = 2
    """The request of a permit ended at `at`; the permit was taken at `time_s`; `status` is 1 if it passed."""
    RETURNED = 3
    """The permit taken at `time_s` was not used."""
    PAUSED = 4
    """The server asked at `at` for a pause of `time_s` seconds, with HTTP status `status`."""
    REFUSED = 5
    """An unexpected 429 arrived at `at` for a request sent at `time_s`; `amount`: milliseconds that it asks to wait."""
    LOWERED = 6
    """At `at` the limit of the window of `time_s` seconds was lowered to `amount`."""
    EARLIER = 7
    """`amount` requests ended at `at`; they were made elsewhere, or before the file was rewritten."""


class LimitRecord(NamedTuple):
    """One record of a limits file; times are seconds since the machine started.

    Arguments:
        kind: what it says, and what the other fields mean.
        bucket: the rate limit.
        at: when.
        time_s: a second time, or a duration.
        amount: how many requests, or another number.
        status: an HTTP status, or 1 for a request that passed.
        owner: the process that wrote it, or whose permit it is.
    """

    kind: RecordKind
    bucket: Bucket
    at: float
    time_s: float = 0.0
    amount: int = 0
    status: int = 0
    owner: int = 0


class LimitsHeader(msgspec.Struct, frozen=True):
    """The first 64 bytes of a limits file.

    Arguments:
        salt: 16 random bytes that key the hash.
        key_hash: the hash of the personal API key, 16 bytes.
        boot: names the run of the machine by whose clock the times are; zeros if the system gives it no name.
        edition: 4 random bytes, others each time the file is rewritten.
    """

    salt: bytes
    key_hash: bytes
    boot: bytes
    edition: bytes

    def pack(self) -> bytes:
        """Return the header as bytes."""
        data = _HEADER.pack(MAGIC, self.salt, self.key_hash, self.boot, self.edition, 0)[:-4]
        return data + _CHECKSUM.pack(crc32(data))

    @classmethod
    def parse(cls, data: bytes) -> "LimitsHeader | None":
        """Return the header; None if these bytes are not one."""
        if len(data) != HEADER_SIZE or not data.startswith(MAGIC):
            return None
        _, salt, key_hash, boot, edition, checksum = _HEADER.unpack(data)
        return cls(salt, key_hash, boot, edition) if checksum == crc32(data[:-4]) else None


class DamagedRecords(Exception):
    """A record cannot be read.

    Arguments:
        number: its place in the bytes, from 0.
        before: the records before it.
    """

    def __init__(self, number: int, before: list[LimitRecord]) -> None:
        super().__init__(number)
        self.number = number
        self.before = before


def hash_key(key: str, salt: bytes) -> bytes:
    """Return 16 bytes that identify a key to those who have it; without it they say nothing.

    Arguments:
        key: the personal API key.
        salt: 16 random bytes.
    """
    return hashlib.blake2b(key.encode(), key=salt, digest_size=16).digest()


def pack_record(record: LimitRecord) -> bytes:
    """Return a record as 32 bytes."""
    kind, bucket, at, time_s, amount, status, owner = record
    data = _RECORD.pack(kind, _BUCKETS.index(bucket), status, owner, at, time_s, amount)
    return data + _CHECKSUM.pack(crc32(data))


def unpack_records(data: bytes) -> list[LimitRecord]:
    """Return the records in these bytes.

    Raises:
        DamagedRecords: one of them is incomplete or was changed.
    """
    records: list[LimitRecord] = []
    for start in range(0, len(data), RECORD_SIZE):
        text = data[start : start + RECORD_SIZE]
        if len(text) != RECORD_SIZE or crc32(text[:-4]) != _CHECKSUM.unpack_from(text, RECORD_SIZE - 4)[0]:
            raise DamagedRecords(start // RECORD_SIZE, records)
        kind, bucket, status, owner, at, time_s, amount = _RECORD.unpack_from(text)
        try:
            records.append(LimitRecord(RecordKind(kind), _BUCKETS[bucket], at, time_s, amount, status, owner))
        except (ValueError, IndexError):
            raise DamagedRecords(start // RECORD_SIZE, records) from None
    return records
