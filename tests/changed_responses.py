"""Lets a test change the responses of the local server, as a replica that lags or an old version would."""

import gzip
import json
from collections.abc import Callable
from typing import Any

import msgspec

from asyncclient.testing import LocalPostHog

Body = dict[str, Any]


def rewrite(server: LocalPostHog, change: Callable[[str, Body], Body | None], *, status: int | None = None) -> None:
    """Change JSON responses of persons calls from now on.

    Arguments:
        change: is given the action and the body; returns the new one, or None to leave the response as it is.
        status: of the responses that are changed.
    """
    handler: Any = server._handler
    handle = handler.handle

    def handled(call: Any) -> Any:
        outcome = handle(call)
        body = _decoded(outcome.response.body)
        new = None if body is None else change(outcome.record.action, body)
        if new is None:
            return outcome
        headers = tuple(each for each in outcome.response.headers if each[0].lower() != "content-encoding")
        response = msgspec.structs.replace(
            outcome.response,
            body=json.dumps(new).encode(),
            headers=headers,
            status=outcome.response.status if status is None else status,
        )
        return msgspec.structs.replace(outcome, response=response)

    handler.handle = handled


def limit_rows(server: LocalPostHog, rows: int, *, heavy: Any = None) -> list[int]:
    """Let listings and queries for more rows take too long from now on: a load balancer responds with 504.

    Arguments:
        rows: the most rows for which the server responds.
        heavy: UUIDs of persons; if given, only pages that hold one of them take too long.

    Returns:
        The rows that were requested so far, request by request.
    """
    handler: Any = server._handler
    handle = handler.handle
    requested: list[int] = []
    hidden = {str(uuid).encode() for uuid in heavy or ()}

    def handled(call: Any) -> Any:
        outcome = handle(call)
        if outcome.record.action not in ("list", "query") or outcome.response.status != 200:
            return outcome
        if outcome.record.action == "list":
            limit = int(dict(outcome.record.query).get("limit", 100))
        else:
            limit = int(str(outcome.record.body["query"]["query"]).rpartition("LIMIT ")[2])
        requested.append(limit)
        body = outcome.response.body
        body = gzip.decompress(body) if body[:2] == b"\x1f\x8b" else body
        if limit <= rows or (heavy is not None and not any(each in body for each in hidden)):
            return outcome
        gateway = msgspec.structs.replace(outcome.response, status=504, body=b"<html>504</html>", headers=())
        return msgspec.structs.replace(outcome, response=msgspec.structs.replace(gateway, content_type="text/html"))

    handler.handle = handled
    return requested


def after(server: LocalPostHog, action: str, then: Callable[[], None], *, times: int = 1) -> None:
    """Do something right after the server has carried out a call, before it responds."""
    handler: Any = server._handler
    handle = handler.handle
    left = [times]

    def handled(call: Any) -> Any:
        outcome = handle(call)
        if outcome.record.action == action and left[0]:
            left[0] -= 1
            then()
        return outcome

    handler.handle = handled


def without(*uuids: Any) -> Callable[[str, Body], Body | None]:
    """Batch reads that leave persons out."""
    gone = {str(uuid) for uuid in uuids}

    def change(action: str, body: Body) -> Body | None:
        if action not in ("batch_by_uuids", "batch_by_distinct_ids"):
            return None
        return {"results": {key: person for key, person in body["results"].items() if person["uuid"] not in gone}}

    return change


def _decoded(body: bytes) -> Body | None:
    try:
        plain = gzip.decompress(body) if body[:2] == b"\x1f\x8b" else body
        found = json.loads(plain)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None
