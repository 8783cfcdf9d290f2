"""Many persons and five properties at PostHog's limits, on each kind of server (guarantees 11, 13). In virtual time;
KEY_LISTS_PERSONS sets the number of persons, as for the figures in CHANGELOG.md.
"""

import os
from collections import Counter
from typing import Any

import anyio
import pytest
from virtual_time import run_virtual

from asyncclient import RateLimits
from bulk import UnsetProperties

PERSONS = int(os.environ.get("KEY_LISTS_PERSONS", "150"))
KEYS = ("plan", "country", "logins", "email", "name")
SERVERS: dict[str, dict[str, Any]] = {
    "current": {},
    "nests": {"delete_property_lists": False},
    "joins": {"delete_property_lists": False, "nested_keys_joined": True},
    "refuses": {"delete_property_list_status": 400},
    "fails": {"delete_property_list_status": 500},
}


@pytest.mark.slow
@pytest.mark.parametrize("name", SERVERS)
def test_each_server_gets_as_few_calls_as_it_takes(virtual: Any, axis: Any, name: str) -> None:
    async def main() -> None:
        options = {"capture_lag_s": 5.0, "latency_s": 0.05, "rate_limits": "posthog", **SERVERS[name]}
        async with virtual(persons=PERSONS, limits=RateLimits.posthog(), **options) as a:
            for uuid in a.everybody:
                a.server.world.set_properties(uuid, {**dict.fromkeys(KEYS, 1), "kept": 1})
            began = anyio.current_time()
            report = await a.run(await a.plan(operation=UnsetProperties(KEYS, route="rest")))
            took_s = anyio.current_time() - began
            states = axis(report, "properties")
            assert sum(states.values()) == PERSONS
            assert states.keys() <= {"changed_confirmed", "found_changed"}
            assert all(not {*KEYS} & each.keys() and each["kept"] == 1 for each in a.properties().values())
            names = (request.body["$unset"] for request in a.sent())
            sizes = Counter(len(each) if isinstance(each, list) else 1 for each in names)
            assert sizes == ({5: PERSONS, 1: 1} if name == "current" else {5: 1, 1: 5 * PERSONS})
            assert not any(request.status == 429 for request in a.server.requests)
            assert took_s < 1.05 * len(a.server.requests) / 240 * 60 + 120

    run_virtual(main())
