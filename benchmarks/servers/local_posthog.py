"""Runs the local PostHog in a process of its own: `python -m benchmarks.servers.local_posthog JSON`.

It prints its URL and key.

A command is a line of JSON on standard input: `{"kill": PID, "after": N, "action": NAME}` kills a process after N
requests of an action; `{}` prints the outcome for all persons as a line of JSON.
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
"""The value of the property `plan` of the persons that the filter selects."""


class Scenario(msgspec.Struct, frozen=True, kw_only=True):
    """How the server behaves.

    Arguments:
        options: fields of `ServerOptions`.
        faults: fields of `Fault`, for each.
        removed_per_page: other persons that are removed before each page of a listing.
    """

    options: dict[str, Any] = {}
    faults: list[dict[str, Any]] = []
    removed_per_page: float = 0


def selected_persons(server: LocalPostHog, *, every: int) -> list[UUID]:
    """Return the persons that the filter selects.

    Arguments:
        every: leave out every n-th person, which may be removed by others; 0 for none.
    """
    world = server.world
    persons = ((uuid, world.person(uuid)) for uuid in world.iter_uuids())
    matching = [uuid for uuid, person in persons if person is not None and person.properties.get("plan") == PLAN]
    return [uuid for position, uuid in enumerate(matching) if not every or position % every]


def outcome(server: LocalPostHog, selected: list[UUID]) -> dict[str, Any]:
    """Return the outcome for the persons that had to be erased."""
    server.settle()
    world = server.world
    here = {uuid for uuid in selected if world.person(uuid) is not None}
    return {
        "selected": selected,
        "here": sorted(here),
        "events_left": [uuid for uuid in selected if not world.deletion_rows(uuid)],
        "repeated": repeated(server.requests),
    }


def repeated(requests: list[RecordedRequest]) -> int:
    """Return how many calls were made for a person for whom the same call had taken effect before."""
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
        # the first fault names the persons without effect; the second one fails before anything is queued or deleted
        without = request.fault == "deletion_errors" or (keep and request.fault == "orphan_events")
        if request.applied and not without:
            effective.update((uuid, keep) for uuid in uuids)
    return again


async def kill(server: LocalPostHog, pid: int, *, after: int, action: str) -> None:
    """Kill a process after a number of further requests."""
    before = server.request_counts.get(action, 0)
    await server.arrived(before + after, action=action)
    os.kill(pid, signal.SIGKILL)


async def serve(persons: int, scenario: Scenario) -> None:
    """Serve until standard input ends."""
    options = msgspec.convert({"latency_s": 0.005, "list_lag_s": 0.5, **scenario.options}, ServerOptions)
    async with LocalPostHog(persons=persons, seed=11, options=options) as server:
        for fault in scenario.faults:
            server.faults.add(msgspec.convert(fault, Fault))
        selected = selected_persons(server, every=4 if scenario.removed_per_page else 0)
        if scenario.removed_per_page:
            server.churn(removes_per_request=scenario.removed_per_page, protect=selected)
        print(msgspec.json.encode([server.url, server.personal_api_key]).decode(), flush=True)
        loop, killing = asyncio.get_running_loop(), set()
        while line := await loop.run_in_executor(None, sys.stdin.readline):
            command = msgspec.json.decode(line)
            if pid := command.get("kill"):
                killing.add(asyncio.create_task(kill(server, pid, after=command["after"], action=command["action"])))
            else:
                print(msgspec.json.encode(outcome(server, selected)).decode(), flush=True)
        for task in killing:
            task.cancel()


if __name__ == "__main__":
    arguments = msgspec.json.decode(sys.argv[1])
    asyncio.run(serve(arguments["persons"], msgspec.convert(arguments["scenario"], Scenario)))
