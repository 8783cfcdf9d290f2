"""RecordedRequest and RequestLog: every request that the server received, for tests and for the control routes.

No key is recorded: neither the Authorization header nor a key or the project's token in query or body.
"""

from collections.abc import Iterator
from typing import Any

import msgspec

_KEY_FIELDS = frozenset({"personal_api_key", "api_key", "token"})
_HIDDEN = "***"


class RecordedRequest(msgspec.Struct, kw_only=True):
    """One request as it arrived, with its result.

    `status` is None until there is a response; `applied` says whether the effect happened; `bytes` is the size of the
    request body and `answered_bytes` that of the response body; `fault` names the fault that it triggered.
    """

    number: int
    method: str
    path: str
    query: tuple[tuple[str, str], ...]
    body: Any
    action: str
    at: float
    headers: dict[str, str]
    bytes: int
    status: int | None = None
    applied: bool = False
    answered_bytes: int = 0
    fault: str | None = None


class RequestLog:
    """The latest requests, oldest first."""

    def __init__(self) -> None:
        self.requests: list[RecordedRequest] = []
        self.total = 0
        self._counts: dict[str, int] = {}

    def add(self, request: RecordedRequest, *, keep: bool, limit: int | None) -> None:
        """Count a request and, if requested, keep it; beyond the limit the oldest is dropped."""
        self.total += 1
        self._counts[request.action] = self._counts.get(request.action, 0) + 1
        if not keep:
            return
        self.requests.append(request)
        if limit is not None and len(self.requests) > limit:
            del self.requests[: len(self.requests) - limit]

    def counts(self) -> dict[str, int]:
        """Return the number of requests by action, kept or not."""
        return dict(self._counts)

    def of(self, action: str | None = None) -> Iterator[RecordedRequest]:
        """Return the kept requests of one action, or of all."""
        return (request for request in self.requests if action in (None, request.action))


def without_key(query: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
    """Return a query with the values of keys hidden."""
    return tuple((name, _HIDDEN if name in _KEY_FIELDS else value) for name, value in query)


def body_without_key(body: Any) -> Any:
    """Return a decoded body with keys hidden, also the token that each event may have."""
    if isinstance(body, list):
        return [body_without_key(item) for item in body]
    if not isinstance(body, dict):
        return body
    batch, properties = body.get("batch"), body.get("properties")
    hidden: dict[str, Any] = dict.fromkeys(_KEY_FIELDS & body.keys(), _HIDDEN)
    if isinstance(batch, list):
        hidden["batch"] = [body_without_key(item) for item in batch]
    if isinstance(properties, dict) and "token" in properties and "event" in body:
        hidden["properties"] = {**properties, "token": _HIDDEN}
    return {**body, **hidden} if hidden else body
