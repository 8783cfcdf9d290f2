"""A million persons in one small process, without importing the client."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

MILLION = """
import asyncio, json, sys
import aiohttp
from asyncclient.testing import LocalPostHog, ServerOptions

PAGES, DELETED = int(sys.argv[1]), int(sys.argv[2])

def peak_mib():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM:")) / 1024

async def main():
    options = ServerOptions(record_limit=100)
    async with LocalPostHog(persons=1_000_000, options=options) as server:
        base = f"{server.url}/api/projects/1/persons/"
        headers = {"Authorization": f"Bearer {server.personal_api_key}"}
        free = json.dumps([{"key": "plan", "value": "free", "operator": "exact", "type": "person"}])
        async with aiohttp.ClientSession(headers=headers) as session:
            async def page(**query):
                async with session.get(base, params=query) as reply:
                    return [person["uuid"] for person in (await reply.json())["results"]]
            assert len(await page(limit=1000, offset=999_500)) == 500
            seen = set()
            for offset in range(0, PAGES * 1000, 1000):
                seen.update(await page(limit=1000, offset=offset))
            assert len(seen) == PAGES * 1000
            for start in range(0, DELETED, 1000):
                ids = await page(limit=1000, offset=start, properties=free)
                async with session.post(base + "bulk_delete/", json={"ids": ids, "delete_events": True}) as reply:
                    assert reply.status == 202
            async with session.get(base + "deletion_status/", params={"limit": 1}) as reply:
                assert (await reply.json())["count"] == DELETED
        assert server.world.count() == 1_000_000 - DELETED
    print(peak_mib())

asyncio.run(main())
"""


@pytest.mark.slow
def test_a_million_persons_listed_and_deleted_from_take_less_than_300_mib(case_count: Callable[[int, int], int]):
    sizes = [str(case_count(10, 100)), str(case_count(2_000, 20_000))]
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", MILLION, *sizes], capture_output=True, text=True, check=True
    )
    assert float(done.stdout) < 300


EVENTS = """
import asyncio, sys, time
import aiohttp
from asyncclient.testing import LocalPostHog, ServerOptions

def resident_mib():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS:")) / 1024

EVENTS = int(sys.argv[1])

async def main():
    async with LocalPostHog(persons=EVENTS, options=ServerOptions(record_limit=10)) as server:
        before = resident_mib()
        started = time.process_time()
        async with aiohttp.ClientSession() as session:
            for start in range(0, EVENTS, 500):
                numbers = range(start, start + 500)
                batch = [
                    {"event": "$set", "distinct_id": f"user-{n}", "properties": {"$set": {"plan": "new"}}}
                    for n in numbers
                ]
                body = {"api_key": server.project_api_key, "batch": batch}
                async with session.post(server.url + "/batch/", json=body) as reply:
                    assert reply.status == 200
        took_s = time.process_time() - started
        for n in (0, EVENTS - 1):
            assert server.world.person(server.world.uuid_of(f"user-{n}")).properties["plan"] == "new"
        assert server.world.ingestion.without_effect == 0
    print(took_s, resident_mib() - before)

asyncio.run(main())
"""


@pytest.mark.slow
def test_many_events_in_batches_of_500_take_seconds_and_little_memory(case_count: Callable[[int, int], int]):
    count = case_count(15_000, 100_000)
    command = [sys.executable, "-W", "error", "-c", EVENTS, str(count)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    took_s, grown_mib = map(float, done.stdout.split())
    assert took_s < 1 + count / 10_000
    assert grown_mib < 40 + count / 2_500


IMPORTED = """
import importlib.util, pathlib, sys, types
package = types.ModuleType("asyncclient")
package.__path__ = [str(pathlib.Path(sys.argv[1]))]
sys.modules["asyncclient"] = package
import asyncclient.testing
print(*sorted(name for name in sys.modules if name.startswith(("asyncclient.", "bulk"))))
"""


@pytest.mark.slow
def test_the_server_imports_nothing_of_the_client_or_the_engine():
    folder = str(Path(__file__).parents[3] / "asyncclient")
    done = subprocess.run([sys.executable, "-c", IMPORTED, folder], capture_output=True, text=True, check=True)
    names = done.stdout.split()
    assert "asyncclient.testing.server" in names
    assert [name for name in names if not name.startswith("asyncclient.testing")] == []
