"""The record of every request, for tests and for whoever looks at the server from outside.

No key is kept: neither the Authorization header nor a key or the project's token in query or body.
"""

from collections.abc import Iterator
from typing import Any

import msgspec

_KEY_FIELDS = frozenset({"personal_api_key", "api_key", "token"})
_HIDDEN = "***"


class RecordedRequest(msgspec.Struct, kw_only=True):
    """One request as it arrived, and what came of it.

    `status` is None while nothing was answered; `applied` says whether its effect took place; `bytes` is
    the size of its body, `answered_bytes` that of the answer's; `fault` names the fault that struck it.
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
        """Count a request and, if it is to be kept, keep it; beyond the limit the oldest goes."""
        self.total += 1
        self._counts[request.action] = self._counts.get(request.action, 0) + 1
        if not keep:
            return
        self.requests.append(request)
        if limit is not None and len(self.requests) > limit:
            del self.requests[: len(self.requests) - limit]

    def counts(self) -> dict[str, int]:
        """How many requests there were, by action, kept or not."""
        return dict(self._counts)

    def of(self, action: str | None = None) -> Iterator[RecordedRequest]:
        """The kept requests, of one action or of all."""
        return (request for request in self.requests if action in (None, request.action))


def without_key(query: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
    """A query with the value of a key in it hidden."""
    return tuple((name, _HIDDEN if name in _KEY_FIELDS else value) for name, value in query)


def body_without_key(body: Any) -> Any:
    """A decoded body with a key in it hidden; of events, with the token that each may carry."""
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
