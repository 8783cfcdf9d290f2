"""Only a 404 with `Not found.` is about a person: any other 404 stops the job (guarantee 12)."""

from typing import Any

import pytest

from asyncclient.testing import Fault
from bulk import BreakerOpened, DeletePersons


async def test_a_404_with_another_text_stops_the_job(arena: Any) -> None:
    async with arena(persons=100) as a:
        plan = await a.plan(operation=DeletePersons())
        a.server.faults.add(Fault("status", action="bulk_delete", status=404, body="html", after=2))
        with pytest.raises(BreakerOpened, match="404"):
            await a.run(plan, batch_size=10, concurrency=1)
        assert len(a.sent()) == 3
