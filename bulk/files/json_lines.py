"""Encodes a value as one line of ASCII JSON, and decodes it: the format of the lines of plan and journal. Pure.

The JSON is ASCII because a lone surrogate cannot be encoded as UTF-8 and some readers end a line at U+2028.
"""

import json
from collections.abc import Sequence
from typing import TypeVar

import msgspec

T = TypeVar("T")

_ENCODER = msgspec.json.Encoder()


def encode_line(value: object) -> bytes:
    """Return a value as compact ASCII JSON without a line end.

    Arguments:
        value: a msgspec struct, or any value that msgspec encodes as JSON; strings may hold lone surrogates, numbers
            must be finite.
    """
    try:
        body = msgspec.json.encode(value)
    except UnicodeEncodeError:  # a lone surrogate
        pass
    else:
        if body.isascii():
            return body
    plain = msgspec.to_builtins(value, str_keys=True)
    return json.dumps(plain, separators=(",", ":"), allow_nan=False).encode("ascii")


def encode_lines(values: Sequence[object]) -> bytes:
    """Return each value as `encode_line` does, with a line end; faster for many values."""
    try:
        block = _ENCODER.encode_lines(values)
    except UnicodeEncodeError:  # a lone surrogate
        pass
    else:
        if block.isascii():
            return block
    return b"".join(encode_line(value) + b"\n" for value in values)


def decode_line(line: bytes, decoder: msgspec.json.Decoder[T]) -> T:
    """Return the value that a line holds.

    Arguments:
        line: ASCII JSON, with or without its line end.
        decoder: decides the type.

    Raises:
        ValueError: the line is not JSON of that type; the message shows nothing of the line.
    """
    try:
        return decoder.decode(line)
    except (msgspec.MsgspecError, ValueError):
        pass
    try:  # msgspec does not decode lone surrogates
        value: T = msgspec.convert(json.loads(line), decoder.type)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        raise ValueError("not a line of the expected kind") from None
    return value


def decode_lines(block: bytes, decoder: msgspec.json.Decoder[T]) -> list[T] | None:
    """Return the values of a block of complete lines, or None where at least one needs `decode_line`.

    Arguments:
        block: lines, each with its line end.
        decoder: decides the type.
    """
    try:
        return decoder.decode_lines(block)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None
