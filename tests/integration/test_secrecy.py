"""The files and events of a job hold no identifier and no secret (guarantee 27)."""

import io
import logging
import re
from typing import Any

import pytest

from asyncclient import PropertyFilter
from asyncclient.testing import Fault
from bulk import ByFilter

UUID = re.compile(rb"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


async def test_no_identifier_and_no_secret_is_in_journal_report_or_events(arena: Any) -> None:
    log = io.StringIO()
    handler = logging.StreamHandler(log)
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        async with arena(persons=30) as a:
            person = a.server.world.person(a.everybody[3])
            email = person.properties["email"]
            chosen = ByFilter(properties=(PropertyFilter("email", [email, "no@body.example"]),))
            plan = await a.plan(selection=chosen)
            a.server.faults.add(Fault("status", action="bulk_delete", status=500, times=1))
            events: list[str] = []
            report = await a.run(plan, on_progress=lambda event: events.append(repr(event)))
            left = a.journal.read_bytes() + repr(report).encode() + "".join(events).encode() + log.getvalue().encode()
            assert plan.count == 1
            for secret in (email, "no@body.example", str(person.uuid), *person.distinct_ids, a.server.personal_api_key):
                assert secret.encode() not in left
            assert UUID.search(left) is None
            assert b"email" in a.journal.read_bytes()  # the key of a property may be shown
    finally:
        root.removeHandler(handler)
        root.setLevel(level)


async def test_without_a_callback_the_log_has_a_job_from_start_to_end(
    arena: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    async with arena(persons=30) as a:
        plan = await a.plan()
        a.server.faults.add(Fault("status", action="bulk_delete", status=500, times=1))
        await a.run(plan)
    told = [record.getMessage() for record in caplog.records if record.name == "bulk"]
    starts = (
        "planning: ",
        "plan written: 30 persons",
        "job ",
        "phase: test batch",
        "test batch: ",
        "run ended: finished",
    )
    positions = [next(place for place, line in enumerate(told) if line.startswith(start)) for start in starts]
    assert positions == sorted(positions)
    assert any("failed for" in line and "server error (HTTP 500)" in line for line in told)
