"""ParsedRequest: a request as a value, decoded only as far as the server would."""

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

MAX_BATCH_BYTES = 20_000_000 - 1
"""The most bytes of an event batch: it must be below 20 MB, compressed and decompressed (contract 12)."""


class ParsedRequest:
    """One request: method, target as sent, headers by lower-case name, and the body."""

    def __init__(self, method: str, target: str, headers: Mapping[str, str], body: bytes = b"") -> None:
        self.method = method
        self.raw_path, _, self.raw_query = target.partition("?")
        self.headers = {name.lower(): value for name, value in headers.items()}
        self.body = body

    @cached_property
    def path(self) -> str:
        """The path with percent-encoding decoded; `..` is kept."""
        return unquote(self.raw_path)

    @cached_property
    def query(self) -> tuple[tuple[str, str], ...]:
        """The query as pairs, in order."""
        return tuple(parse_qsl(self.raw_query, keep_blank_values=True))

    @cached_property
    def parameters(self) -> dict[str, str]:
        """The query by name; the last value of a repeated name counts."""
        return dict(self.query)

    @property
    def on_alias(self) -> bool:
        """Whether the request uses the deprecated prefix (contract 1)."""
        return (self.path + "/").startswith(_ALIAS)

    @property
    def successor(self) -> str:
        """The path as sent, below the canonical prefix."""
        if not self.on_alias:
            return self.raw_path
        return _CANONICAL + self.raw_path[len(_ALIAS) :]

    def url(self, path: str) -> str:
        """Return an absolute URL on the host of the request, with the query as sent."""
        query = f"?{self.raw_query}" if self.raw_query else ""
        return f"http://{self.headers.get('host', '127.0.0.1')}{path}{query}"

    def accepts_gzip(self) -> bool:
        """Return whether the response may be compressed with gzip."""
        codings = (part.strip().partition(";") for part in self.headers.get("accept-encoding", "").split(","))
        return any(name in ("gzip", "*") and weight.replace(" ", "") != "q=0" for name, _, weight in codings)

    @cached_property
    def data(self) -> Any:
        """The decoded body; an empty object if there is no body.

        Raises:
            Refusal: 415 for another content type than JSON, 400 for malformed JSON (contract 1).
        """
        if not self.body:
            return {}
        content_type = self.headers.get("content-type", "")
        if content_type.partition(";")[0].strip().lower() != "application/json":
            raise envelope.unsupported_media_type(content_type)
        if self._decoded is msgspec.UNSET:
            raise envelope.parse_error(_parse_error_reason(self.body))
        return self._decoded

    @cached_property
    def plain(self) -> bytes:
        """The body, decompressed if it is gzip; a too large one is cut after `MAX_BATCH_BYTES` + 1 bytes."""
        if not self.body.startswith(_GZIP):
            return self.body
        try:
            return zlib.decompressobj(zlib.MAX_WBITS | 16).decompress(self.body, MAX_BATCH_BYTES + 1)
        except zlib.error:
            return self.body

    def peek(self) -> Any:
        """Return the decoded body; None if there is none or it is not JSON."""
        return None if self._decoded is msgspec.UNSET else self._decoded

    @cached_property
    def _decoded(self) -> Any:
        try:
            return msgspec.json.decode(self.plain)
        except (msgspec.DecodeError, RecursionError):
            return msgspec.UNSET


def _parse_error_reason(body: bytes) -> str:
    """Return the reason in the words of Python's own parser, as Django REST framework does."""
    try:
        json.loads(body.decode())
    except (ValueError, RecursionError) as error:
        return str(error)
    return "Out of range float values are not JSON compliant"
