"""Controls the measuring server through its own routes, with blocking calls outside of the measured span."""

import http.client
import os
from typing import Any
from urllib.parse import urlsplit

import msgspec

PROJECT = 1
KEY = "phx_a_key_that_opens_nothing"
"""The key that contenders send; the server ignores it."""


class ServerControl:
    """Controls the measuring server for one contender.

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
        """Start again with a number of persons, and a latency for every response."""
        self._request("POST", "reset", {"persons": persons, "latency_s": latency_s})

    def arm(self, *, requests: int, skip: int = 0) -> None:
        """Measure from the first mutating request to the response to the last one.

        Arguments:
            requests: how many mutating requests to expect.
            skip: measure a second span that starts after this many requests.
        """
        self._request("POST", "arm", {"requests": requests, "skip": skip, "pid": os.getpid()})

    def span(self) -> dict[str, Any]:
        """Return what was measured since `arm`.

        Raises:
            RuntimeError: the number of mutating requests differs from the expected one.
        """
        span = self._request("GET", "span")
        if span["requests"] != span["expected"]:
            raise RuntimeError(f"{span['requests']} mutating requests instead of {span['expected']}")
        return span

    def state(self) -> dict[str, Any]:
        """Return the state of the persons."""
        return self._request("GET", "state")

    def _request(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        connection = http.client.HTTPConnection(urlsplit(self.url).netloc, timeout=60)
        try:
            connection.request(method, f"/bench/{path}", None if body is None else msgspec.json.encode(body))
            response = connection.getresponse()
            data = response.read()
        finally:
            connection.close()
        if response.status != 200:
            raise RuntimeError(f"the measuring server responded with {response.status} to {path}")
        state: dict[str, Any] = msgspec.json.decode(data)
        return state
