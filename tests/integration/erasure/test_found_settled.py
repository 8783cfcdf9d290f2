"""Accepted by the server, found by reading back, and already so before: three separate states (guarantees 2, 11)."""

from typing import Any

from asyncclient.testing import Fault
from bulk import DeletePersons


async def test_persons_whose_deletion_got_no_response_have_a_state_of_their_own(arena: Any, axis: Any) -> None:
    async with arena(persons=40) as a:
        plan = await a.plan(operation=DeletePersons())
        a.server.world.remove_person(a.everybody[39])
        a.server.faults.add(Fault("reset_after", action="bulk_delete", after=1, times=1))
        report = await a.run(plan, batch_size=10, concurrency=1)
        assert axis(report, "person") == {"deleted_confirmed": 29, "found_deleted": 10, "already_deleted": 1}
        assert set(a.times_intended("person").values()) == {1}
