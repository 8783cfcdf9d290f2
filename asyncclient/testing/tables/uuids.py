"""UuidTable: keeps person UUIDs in little memory and gives each a small integer, its key.

A UUID takes 16 bytes and 8 bytes of index, instead of a few hundred for an object in a dictionary. A key is never
reused for another UUID, so a re-created person has the same key as before (contract 5).
"""

import hashlib
import uuid
from array import array
from collections.abc import Iterable
from contextlib import suppress

# PostHog derives the UUID of a new person from project and first distinct ID under this namespace (contract 5).
_NAMESPACE = uuid.UUID("932979b4-65c3-4424-8467-0b66ec27bc22").bytes


def derive_uuid(project_id: int, distinct_id: str) -> bytes:
    """Return the UUID (version 5) of the person that this distinct ID creates in this project."""
    name = f"{project_id}:{distinct_id}".encode("utf-8", "surrogatepass")
    digest = bytearray(hashlib.sha1(_NAMESPACE + name, usedforsecurity=False).digest()[:16])
    digest[6] = digest[6] & 0x0F | 0x50
    digest[8] = digest[8] & 0x3F | 0x80
    return bytes(digest)


def parse_uuid(text: str) -> bytes | None:
    """Parse a UUID as leniently as Python does; None if it is not one."""
    if len(text) == 36 and text[8::5][:4] == "----":
        with suppress(ValueError):
            raw = bytes.fromhex(text.replace("-", "", 4))
            if len(raw) == 16:
                return raw
    try:
        return uuid.UUID(text).bytes
    except ValueError:
        return None


def format_uuid(raw: bytes) -> str:
    """Return the canonical text of a UUID."""
    text = raw.hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


class UuidTable:
    """UUIDs by key and keys by UUID: a bytearray and an open hash table over it."""

    def __init__(self, raws: Iterable[bytes] = (), *, expected: int = 0) -> None:
        self._raw = bytearray()
        self._count = 0
        self._slots = array("I")
        self._mask = 0
        self._resize(max(1024, expected))
        for raw in raws:
            self.intern(raw)

    def __len__(self) -> int:
        return self._count

    def raw(self, key: int) -> bytes:
        """Return the UUID of a key."""
        return bytes(self._raw[key * 16 : key * 16 + 16])

    def text(self, key: int) -> str:
        """Return the UUID of a key as text."""
        return format_uuid(self.raw(key))

    def key(self, raw: bytes) -> int | None:
        """Return the key of a UUID; None if it is not in the table."""
        slots, mask, known = self._slots, self._mask, self._raw
        slot = int.from_bytes(raw[12:], "big") & mask
        while stored := slots[slot]:
            end = stored * 16
            if known[end - 16 : end] == raw:
                return stored - 1
            slot = (slot + 1) & mask
        return None

    def intern(self, raw: bytes) -> int:
        """Return the key of a UUID; a UUID that is not in the table gets a new key."""
        found = self.key(raw)
        if found is not None:
            return found
        if (self._count + 1) * 2 > self._mask:
            self._resize(self._count * 2)
        self._raw += raw
        self._count += 1
        self._place(raw, self._count)
        return self._count - 1

    def _place(self, raw: bytes, stored: int) -> None:
        slot = int.from_bytes(raw[12:], "big") & self._mask
        while self._slots[slot]:
            slot = (slot + 1) & self._mask
        self._slots[slot] = stored

    def _resize(self, expected: int) -> None:
        size = 1 << (expected * 2).bit_length()
        self._slots = array("I", bytes(4 * size))
        self._mask = size - 1
        for key in range(self._count):
            self._place(self.raw(key), key + 1)
