"""Unpacking: what was packed comes out again, in pieces of bounded size, and anything else is refused."""

import gzip
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asyncclient._protocol.responses.unpacking import PIECE, CannotUnpack, Unpacker


def unpacked(encoding: str, packed: bytes, size: int) -> bytes:
    unpacker = Unpacker(encoding)
    pieces = [piece for at in range(0, len(packed), size) for piece in unpacker.unpack(packed[at : at + size])]
    unpacker.finish()
    assert all(0 < len(piece) <= PIECE for piece in pieces)
    return b"".join(pieces)


@given(st.binary(max_size=500), st.integers(1, 60), st.sampled_from(["gzip", "x-gzip", " GZIP ", "deflate"]))
def test_a_compressed_body_is_unpacked_however_it_is_divided(body: bytes, size: int, encoding: str) -> None:
    packed = zlib.compress(body) if encoding == "deflate" else gzip.compress(body)
    assert unpacked(encoding, packed, size) == body


@given(st.binary(max_size=200), st.sampled_from(["", "identity"]))
def test_an_uncompressed_body_stays_unchanged(body: bytes, encoding: str) -> None:
    assert unpacked(encoding, body, 50) == body


@pytest.mark.parametrize("size", [1000, 1 << 20])
def test_a_body_of_several_members_is_all_of_them(size: int) -> None:
    assert unpacked("gzip", gzip.compress(b"a" * 5000) + gzip.compress(b"b" * 5000), size) == b"a" * 5000 + b"b" * 5000


@pytest.mark.parametrize("length", [PIECE - 1, PIECE, PIECE + 1, 3 * PIECE])
def test_a_block_that_unpacks_to_much_comes_in_pieces(length: int) -> None:
    assert unpacked("gzip", gzip.compress(b"x" * length), 1 << 20) == b"x" * length


@pytest.mark.slow
def test_a_gzip_bomb_is_unpacked_only_as_far_as_it_is_read() -> None:
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    bomb = b"".join(packer.compress(bytes(1 << 20)) for _ in range(10)) + packer.flush()
    pieces = Unpacker("gzip").unpack(bomb)
    assert [len(next(pieces)) for _ in range(3)] == [PIECE] * 3


@given(st.binary(min_size=20, max_size=200), st.data())
def test_a_body_that_ends_in_the_middle_is_refused(body: bytes, data: st.DataObject) -> None:
    packed = gzip.compress(body)
    cut = data.draw(st.integers(1, len(packed) - 1))
    with pytest.raises(CannotUnpack):
        unpacked("gzip", packed[:cut], 64)


@pytest.mark.parametrize("encoding", ["br", "zstd", "gzip, gzip", "nonsense"])
def test_an_unrequested_encoding_is_refused(encoding: str) -> None:
    with pytest.raises(CannotUnpack):
        unpacked(encoding, b"abc", 10)


@pytest.mark.parametrize("body", [b"this is no gzip", gzip.compress(b"x") + b"more"], ids=["no gzip", "more after it"])
def test_a_body_that_is_not_compressed_as_it_says_is_refused(body: bytes) -> None:
    with pytest.raises(CannotUnpack):
        unpacked("gzip", body, 1000)


def test_an_empty_body_unpacks_to_nothing() -> None:
    assert unpacked("gzip", b"", 10) == b""
