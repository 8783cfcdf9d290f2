"""Unpacks compressed response bodies in pieces of bounded size. Pure; knows gzip and deflate, which requests accept."""

import zlib
from collections.abc import Iterator
from typing import Final

ACCEPTED: Final = "gzip, deflate"
"""The value of every request's Accept-Encoding header."""
PIECE: Final = 1 << 20
"""Bytes of the largest piece that one block is unpacked to."""
_ZLIB_OR_GZIP: Final = zlib.MAX_WBITS | 32
"""Tells zlib to look at the first bytes of the body for the format."""


class CannotUnpack(ValueError):
    """The body is not compressed as its Content-Encoding header says, or ends in the middle."""


class Unpacker:
    """Unpacks one body, block by block.

    Arguments:
        encoding: the Content-Encoding header of the response; empty for a body that is not compressed.

    Raises:
        CannotUnpack: on the first block, if requests do not accept this encoding.
    """

    def __init__(self, encoding: str) -> None:
        name = encoding.strip().lower()
        self._is_plain = name in ("", "identity")
        self._is_known = name in ("gzip", "x-gzip", "deflate")
        self._has_begun = False
        if self._is_known:
            self._inflater = zlib.decompressobj(_ZLIB_OR_GZIP)

    def unpack(self, block: bytes) -> Iterator[bytes]:
        """Yield what a block unpacks to, in pieces of at most `PIECE` bytes; a plain block is yielded as it is.

        Raises:
            CannotUnpack: it is not what the encoding says.
        """
        if self._is_plain:
            yield block
            return
        if not self._is_known:
            raise CannotUnpack
        piece = b""
        while block or len(piece) == PIECE:
            self._has_begun = True
            try:
                piece = self._inflater.decompress(block, PIECE)
            except zlib.error:
                raise CannotUnpack from None
            if piece:
                yield piece
            block = self._inflater.unconsumed_tail
            if self._inflater.eof:  # a gzip body may have several members
                block, piece = self._inflater.unused_data, b""
                self._restart(block)

    def finish(self) -> None:
        """Check that the body did not end in the middle.

        Raises:
            CannotUnpack: it did.
        """
        if self._has_begun:
            raise CannotUnpack

    def _restart(self, rest: bytes) -> None:
        self._inflater = zlib.decompressobj(_ZLIB_OR_GZIP)
        self._has_begun = bool(rest)
