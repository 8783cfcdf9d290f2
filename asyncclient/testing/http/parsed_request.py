"""A request as a value: what arrived, decoded no further than the server itself would.

It knows no route and no world.
"""

import json
import zlib
from collections.abc import Mapping
from functools import cached_property
from typing import Any
from urllib.parse import parse_qsl, unquote

import msgspec

from asyncclient.testing.http import envelope

_ALIAS = "/api/environments/"
_CANONICAL = "/api/projects/"
_GZIP = b"\x1f\x8b"

MOST_PLAIN = 20_000_000 - 1
"""Bytes of an event batch: it has to stay under 20 MB, packed and unpacked (contract 12)."""


class ParsedRequest:
    """One request: method, target as sent, headers by lower-case name, and the bytes of the body."""

    def __init__(self, method: str, target: str, headers: Mapping[str, str], body: bytes = b"") -> None:
        self.method = method
        self.raw_path, _, self.raw_query = target.partition("?")
        self.headers = {name.lower(): value for name, value in headers.items()}
        self.body = body

    @cached_property
    def path(self) -> str:
        """The path with its percent signs resolved; `..` stays what it is."""
        return unquote(self.raw_path)

    @cached_property
    def query(self) -> tuple[tuple[str, str], ...]:
        """The query as pairs, in order."""
        return tuple(parse_qsl(self.raw_query, keep_blank_values=True))

    @cached_property
    def parameters(self) -> dict[str, str]:
        """The query by name; of a name given twice the last counts."""
        return dict(self.query)

    @property
    def on_alias(self) -> bool:
        """Whether the deprecated prefix was used (contract 1)."""
        return (self.path + "/").startswith(_ALIAS)

    @property
    def successor(self) -> str:
        """The path as sent, under the canonical prefix."""
        if not self.on_alias:
            return self.raw_path
        return _CANONICAL + self.raw_path[len(_ALIAS) :]

    def url(self, path: str) -> str:
        """An absolute URL on the host that the request named, with the query as sent."""
        query = f"?{self.raw_query}" if self.raw_query else ""
        return f"http://{self.headers.get('host', '127.0.0.1')}{path}{query}"

    def accepts_gzip(self) -> bool:
        """Whether the answer may be compressed."""
        codings = (part.strip().partition(";") for part in self.headers.get("accept-encoding", "").split(","))
        return any(name in ("gzip", "*") and weight.replace(" ", "") != "q=0" for name, _, weight in codings)

    @cached_property
    def data(self) -> Any:
        """The decoded body, an empty object without one.

        Raises Refusal: 415 for anything but JSON, 400 for what is not JSON (contract 1).
        """
        if not self.body:
            return {}
        content_type = self.headers.get("content-type", "")
        if content_type.partition(";")[0].strip().lower() != "application/json":
            raise envelope.unsupported_media_type(content_type)
        if self._decoded is msgspec.UNSET:
            raise envelope.parse_error(_why(self.body))
        return self._decoded

    @cached_property
    def plain(self) -> bytes:
        """The body, unpacked where it is packed with gzip; of one that is too large one byte more than is taken."""
        if not self.body.startswith(_GZIP):
            return self.body
        try:
            return zlib.decompressobj(zlib.MAX_WBITS | 16).decompress(self.body, MOST_PLAIN + 1)
        except zlib.error:
            return self.body

    def peek(self) -> Any:
        """The decoded body for the record, None where there is none or it is not JSON."""
        return None if self._decoded is msgspec.UNSET else self._decoded

    @cached_property
    def _decoded(self) -> Any:
        try:
            return msgspec.json.decode(self.plain)
        except (msgspec.DecodeError, RecursionError):
            return msgspec.UNSET


def _why(body: bytes) -> str:
    """The reason in the words that Django REST framework takes over from Python's own parser."""
    try:
        json.loads(body.decode())
    except (ValueError, RecursionError) as error:
        return str(error)
    return "Out of range float values are not JSON compliant"
