"""Only a 404 with `Not found.` is about a person: any other 404 stops the job (guarantee 12)."""

from typing import Any

import pytest

from asyncclient.testing import Fault
from asyncclient.testing.http import envelope
from bulk import BreakerOpened, DeletePersons, NotFinished


async def test_a_404_with_another_text_stops_the_job(arena: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = envelope.not_found("Endpoint not found.").response
    monkeypatch.setattr("asyncclient.testing.http.fault_bodies._in_json", lambda _: gone)
    async with arena(persons=100) as a:
        plan = await a.plan(operation=DeletePersons())
        a.server.faults.add(Fault("status", action="bulk_delete", status=404, after=2))
        with pytest.raises(BreakerOpened, match="the server responded with 404 not_found"):
            await a.run(plan, batch_size=10, concurrency=1)
        assert len(a.sent()) == 3


async def test_a_404_of_a_proxy_interrupts_the_job(arena: Any) -> None:
    async with arena(persons=100) as a:
        plan = await a.plan(operation=DeletePersons())
        a.server.faults.add(Fault("status", action="bulk_delete", status=404, body="html", after=2))
        with pytest.raises(NotFinished, match="404 from a proxy, firewall or login page"):
            await a.run(plan, batch_size=10, concurrency=1)
        assert len(a.sent()) == 3
