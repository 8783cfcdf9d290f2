"""A local server whose responses a test changes, a reader on it, and a clock that is moved by hand."""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import msgspec

from asyncclient import Limits, PostHogClient, RateLimits
from asyncclient.testing import LocalPostHog, ServerOptions
from bulk.concurrency.stop_gate import StopGate
from bulk.posthog.person_reader import PersonReader

BATCHES = ("batch_by_uuids", "batch_by_distinct_ids")
Spoil = Callable[[str, Any], Any]


class Store:
    """A local server, a reader on it, and a clock that is moved by hand."""

    def __init__(self, server: LocalPostHog) -> None:
        self.server = server
        self.now = 1000.0
        self.uuids = list(server.world.iter_uuids())
        self.spoil: Spoil | None = None
        handle = server._handler.handle

        def handle_and_spoil(call: Any) -> Any:
            outcome = handle(call)
            changed = None if self.spoil is None else self.spoil(outcome.record.action, outcome)
            return outcome if changed is None else changed

        server._handler.handle = handle_and_spoil  # type: ignore[method-assign]

    def known_by(self, uuid: UUID) -> str:
        person = self.server.world.person(uuid)
        assert person is not None
        return person.distinct_ids[0]

    @property
    def targets(self) -> dict[UUID, str | None]:
        return {uuid: self.known_by(uuid) for uuid in self.uuids}

    def actions(self) -> list[str]:
        return [request.action for request in self.server.requests]


@asynccontextmanager
async def opened(
    persons: int = 3, *, keys: tuple[str, ...] = (), **options: Any
) -> AsyncIterator[tuple[Store, PersonReader]]:
    server = LocalPostHog(persons=persons, seed=3, options=ServerOptions(gzip=False, **options))
    async with server:
        store = Store(server)
        client = PostHogClient(
            host=server.url,
            project_id=server.project_id,
            personal_api_key=server.personal_api_key,
            limits=Limits(RateLimits.off(), clock=lambda: store.now),
            uniform=lambda low, high: low,
            clock=lambda: store.now,
        )
        async with client:
            yield store, PersonReader(client, StopGate(), readers=4, keys=keys)


def edited(change: Callable[[dict[str, Any]], None], *, actions: tuple[str, ...] = BATCHES) -> Spoil:
    """Change the results of batch reads in place."""

    def spoil(action: str, outcome: Any) -> Any:
        if action not in actions:
            return None
        body = json.loads(outcome.response.body)
        change(body["results"])
        response = msgspec.structs.replace(outcome.response, body=json.dumps(body).encode())
        return msgspec.structs.replace(outcome, response=response)

    return spoil


def with_response(status: int, body: bytes, *, actions: tuple[str, ...] = BATCHES) -> Spoil:
    def spoil(action: str, outcome: Any) -> Any:
        if action not in actions:
            return None
        response = msgspec.structs.replace(outcome.response, status=status, body=body)
        return msgspec.structs.replace(outcome, response=response)

    return spoil


NOT_FOUND = json.dumps({"type": "invalid_request", "code": "not_found", "detail": "Not found.", "attr": None}).encode()
