"""The local PostHog in a process of its own: `python -m benchmarks.posthog JSON` prints its address, takes commands.

A command is a line of JSON on standard input: `{"kill": PID, "after": N, "action": NAME}` kills a process when so many
requests of an action have arrived; `{}` asks what became of everybody, and is answered with a line of JSON.
"""

import asyncio
import os
import signal
import sys
from collections import Counter
from typing import Any
from uuid import UUID

import msgspec

from asyncclient.testing import Fault, LocalPostHog, RecordedRequest, ServerOptions

PLAN = "free"
"""Whom the filter selects: persons whose property `plan` is this."""


class Trouble(msgspec.Struct, frozen=True, kw_only=True):
    """What the server is like.

    Arguments:
        options: fields of `ServerOptions`.
        faults: fields of `Fault`, for each.
        removes: persons who are nobody's business that others remove before each page of a listing.
    """

    options: dict[str, Any] = {}
    faults: list[dict[str, Any]] = []
    removes: float = 0


def asked_for(server: LocalPostHog, *, every: int) -> list[UUID]:
    """Whom the filter selects; of those whom others may remove, every so many-th is left out and not asked for."""
    world = server.world
    chosen = [uuid for uuid in world.iter_uuids() if (p := world.person(uuid)) and p.properties.get("plan") == PLAN]
    return [uuid for place, uuid in enumerate(chosen) if not every or place % every]


def verdict(server: LocalPostHog, asked: list[UUID]) -> dict[str, Any]:
    """What has become of everybody who was asked for."""
    server.settle()
    world = server.world
    here = {uuid for uuid in asked if world.person(uuid) is not None}
    return {
        "asked": asked,
        "here": sorted(here),
        "events_left": [uuid for uuid in asked if not world.deletion_rows(uuid)],
        "repeated": repeated(server.requests),
    }


def repeated(requests: list[RecordedRequest]) -> int:
    """How often a call was made for a person for whom the same call had taken effect before."""
    effective: Counter[tuple[str, bool]] = Counter()
    again = 0
    for request in requests:
        if request.action == "destroy":
            uuids, keep = [request.path.rstrip("/").rpartition("/")[2]], False
        elif request.action == "bulk_delete":
            uuids, keep = request.body["ids"], bool(request.body.get("keep_person"))
        else:
            continue
        again += sum(effective[uuid, keep] > 0 for uuid in uuids)
        # one says for whom it had none; the other strikes before anything is queued, and here nobody goes
        without = request.fault == "deletion_errors" or (keep and request.fault == "orphan_events")
        if request.applied and not without:
            effective.update((uuid, keep) for uuid in uuids)
    return again


async def kill(server: LocalPostHog, pid: int, *, after: int, action: str) -> None:
    """Kill a process when so many more requests have arrived."""
    before = server.request_counts.get(action, 0)
    await server.arrived(before + after, action=action)
    os.kill(pid, signal.SIGKILL)


async def serve(persons: int, trouble: Trouble) -> None:
    """Serve until standard input ends."""
    options = msgspec.convert({"latency_s": 0.005, "list_lag_s": 0.5, **trouble.options}, ServerOptions)
    async with LocalPostHog(persons=persons, seed=11, options=options) as server:
        for fault in trouble.faults:
            server.faults.add(msgspec.convert(fault, Fault))
        asked = asked_for(server, every=4 if trouble.removes else 0)
        if trouble.removes:
            server.churn(removes_per_request=trouble.removes, protect=asked)
        print(msgspec.json.encode([server.url, server.personal_api_key]).decode(), flush=True)
        loop, killing = asyncio.get_running_loop(), set()
        while line := await loop.run_in_executor(None, sys.stdin.readline):
            command = msgspec.json.decode(line)
            if pid := command.get("kill"):
                killing.add(asyncio.create_task(kill(server, pid, after=command["after"], action=command["action"])))
            else:
                print(msgspec.json.encode(verdict(server, asked)).decode(), flush=True)
        for task in killing:
            task.cancel()


if __name__ == "__main__":
    said = msgspec.json.decode(sys.argv[1])
    asyncio.run(serve(said["persons"], msgspec.convert(said["trouble"], Trouble)))
