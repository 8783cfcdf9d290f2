from typing import Any
import anyio, pytest
from virtual_time import run_virtual
from asyncclient import RateLimits
from bulk import UnsetProperties, DeletePersons

@pytest.mark.parametrize("op", [DeletePersons(), UnsetProperties(("plan",), route="rest"), UnsetProperties(("plan",), route="capture")])
def test_probe(virtual: Any, axis: Any, op) -> None:
    async def main() -> None:
        async with virtual(persons=600, limits=RateLimits.posthog(), rate_limits="posthog", batch_reads=False, deletion_status=False) as a:
            plan = await a.plan(operation=op)
            t = anyio.current_time()
            with anyio.move_on_after(3600) as scope:
                report = await a.run(plan)
                print(axis(report, "properties"), axis(report, "person"))
            print(op, "cut off:", scope.cancelled_caught, "took", anyio.current_time() - t, len(a.sent()), len(a.server.requests))
    run_virtual(main())
