"""Talks to the measuring server's own routes, blocking, outside of what is measured."""

import http.client
import os
from typing import Any
from urllib.parse import urlsplit

import msgspec

PROJECT = 1
KEY = "phx_a_key_that_opens_nothing"
"""What contenders send as their key; the server does not look."""


class Lab:
    """The measuring server as a contender sees it.

    Arguments:
        url: scheme, host and port.
    """

    def __init__(self, url: str) -> None:
        self.url = url

    @property
    def persons(self) -> str:
        """The address of the persons API."""
        return f"{self.url}/api/projects/{PROJECT}/persons/"

    def reset(self, *, persons: int, latency_s: float = 0.0) -> None:
        """Begin anew with so many persons; each answer takes that long from now on."""
        self._ask("POST", "reset", {"persons": persons, "latency_s": latency_s})

    def arm(self, *, requests: int, skip: int = 0) -> None:
        """Measure from the first mutating request to the answer of the last one of so many.

        Arguments:
            skip: measure once more, from behind so many of them.
        """
        self._ask("POST", "arm", {"requests": requests, "skip": skip, "pid": os.getpid()})

    def span(self) -> dict[str, Any]:
        """What was measured since `arm`.

        Raises:
            RuntimeError: there were fewer mutating requests than announced, or more.
        """
        span = self._ask("GET", "span")
        if span["requests"] != span["expected"]:
            raise RuntimeError(f"{span['requests']} mutating requests where {span['expected']} were to be made")
        return span

    def state(self) -> dict[str, Any]:
        """What has become of the persons."""
        return self._ask("GET", "state")

    def _ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        connection = http.client.HTTPConnection(urlsplit(self.url).netloc, timeout=60)
        try:
            connection.request(method, f"/bench/{path}", None if body is None else msgspec.json.encode(body))
            answer = connection.getresponse()
            data = answer.read()
        finally:
            connection.close()
        if answer.status != 200:
            raise RuntimeError(f"the measuring server answered {answer.status} to {path}")
        told: dict[str, Any] = msgspec.json.decode(data)
        return told
