"""Turns the bytes of an input into UTF-8 without a byte order mark, whatever the file is. Pure.

What a file is follows from its first bytes: gzip and UTF-16 are read, and archives and workbooks are refused with what
to do. Memory use depends neither on the size of the file nor on how well it is compressed.
"""

import codecs
import zlib
from collections.abc import Iterable, Iterator
from itertools import chain

from bulk.errors import InputError

CHUNK = 65_536
"""Bytes that are decoded at once."""

_HEAD = 4_096
_GZIP = b"\x1f\x8b"
_ZIP = (b"PK\x03\x04", b"PK\x05\x06")
_UTF8_MARK = b"\xef\xbb\xbf"
_UTF32 = (b"\xff\xfe\0\0", b"\0\0\xfe\xff")
_UTF16 = {b"\xff\xfe": "utf-16-le", b"\xfe\xff": "utf-16-be"}
_SAVE_AS_CSV = "save the sheet as CSV (UTF-8), and name its column with --column"
_REFUSED = (
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an Excel workbook (.xls)", _SAVE_AS_CSV),
    (b"BZh91AY&SY", "compressed with bzip2", "decompress it with bunzip2"),
    (b"\xfd7zXZ\0", "compressed with xz", "decompress it with unxz"),
    (b"\x28\xb5\x2f\xfd", "compressed with zstd", "decompress it with unzstd"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive", "extract it, and give the file that it contains"),
)


def to_utf8(chunks: Iterable[bytes], name: str) -> Iterator[bytes]:
    """Yield the content of a file as UTF-8.

    Arguments:
        chunks: the bytes of the file, in parts of any size.
        name: the name of the file in errors.

    Raises:
        InputError: the file is of a kind that cannot be read, or its compressed data is damaged.
    """
    return _to_utf8(iter(chunks), name, is_inside=False)


def _to_utf8(chunks: Iterator[bytes], name: str, *, is_inside: bool) -> Iterator[bytes]:
    head = next(chunks, b"")
    if not is_inside and head.startswith(_GZIP):
        yield from _to_utf8(_gunzip(chain((head,), chunks), name), name, is_inside=True)
        return
    if is_inside or head.startswith(_ZIP):
        head = _filled(head, chunks, CHUNK)
    if (problem := _problem(head)) is not None:
        raise InputError(f"{name} is {problem[0]}: {problem[1]}")
    if (encoding := _UTF16.get(head[:2])) is not None:
        head = head[2:]
    elif b"\0" in head:
        head = _filled(head, chunks, _HEAD)
        encoding = _utf16_without_mark(head)
    if encoding is not None:
        yield from _from_utf16(chain((head,), chunks), encoding)
        return
    yield head.removeprefix(_UTF8_MARK)
    yield from chunks


def _filled(head: bytes, chunks: Iterator[bytes], size: int) -> bytes:
    while len(head) < size and (more := next(chunks, b"")):
        head += more
    return head


def _problem(head: bytes) -> tuple[str, str] | None:
    """Return what a file is that cannot be read, and what to do."""
    if head.startswith(_ZIP):
        if b"xl/" in head or b"[Content_Types].xml" in head:
            return "an Excel workbook (.xlsx)", _SAVE_AS_CSV
        if b"opendocument.spreadsheet" in head:
            return "an OpenDocument spreadsheet (.ods)", _SAVE_AS_CSV
        return "a zip archive", "extract it, and give the file that it contains"
    if head.startswith(_GZIP):
        return "compressed twice with gzip", "decompress it once with gunzip"
    if head.startswith(_UTF32):
        return "UTF-32 text", "save it as UTF-8"
    return next(((what, fix) for magic, what, fix in _REFUSED if head.startswith(magic)), None)


def _utf16_without_mark(head: bytes) -> str | None:
    """Return the byte order of UTF-16 text without a mark: most of its characters have a NUL as their high byte.

    Every byte of a line feed has to be that of a whole character, so that a NUL in UTF-8 text is not mistaken.
    """
    pairs = len(head) // 2
    for encoding, low, end in (("utf-16-le", 0, b"\n\0"), ("utf-16-be", 1, b"\0\n")):
        high = head[1 - low :: 2]
        ends = sum(head[at : at + 2] == end for at in range(0, 2 * pairs, 2))
        feeds = head[: 2 * pairs].count(b"\n")
        if 0 < pairs - ends <= 2 * (high.count(0) - ends) and not head[low::2].count(0) and feeds == ends:
            return encoding
    return None


def _from_utf16(chunks: Iterable[bytes], encoding: str) -> Iterator[bytes]:
    """Yield UTF-8; what is not a character becomes bytes that are not UTF-8, so that its line is refused."""
    decoder = codecs.getincrementaldecoder(encoding)("surrogatepass")
    is_first = True
    for chunk in chunks:
        text = decoder.decode(chunk)
        if is_first and text:
            text, is_first = text.removeprefix("\ufeff"), False
        yield text.encode("utf-8", "surrogatepass")
    if decoder.getstate()[0]:
        yield b"\xff"


def _gunzip(chunks: Iterable[bytes], name: str) -> Iterator[bytes]:
    """Yield decompressed data of all members, some at a time."""
    inflate = zlib.decompressobj(wbits=31)
    try:
        for chunk in chunks:
            data = chunk
            while data:
                if inflate.eof:
                    if not data.strip(b"\0"):  # padding after the last member
                        break
                    inflate = zlib.decompressobj(wbits=31)
                if part := inflate.decompress(data, CHUNK):
                    yield part
                data = inflate.unused_data if inflate.eof else inflate.unconsumed_tail
                while not data and not inflate.eof and (rest := inflate.decompress(b"", CHUNK)):
                    yield rest
    except zlib.error:
        raise InputError(f"{name} is damaged: its gzip data cannot be decompressed; make the file again") from None
    if not inflate.eof:
        raise InputError(f"{name} is incomplete: its gzip data ends early; copy or make the file again")
