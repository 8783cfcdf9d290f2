"""The files and events of a job hold no identifier and no secret (guarantee 27)."""

import io
import logging
import re
from typing import Any

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
