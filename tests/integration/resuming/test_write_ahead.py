"""No mutating request reaches the server before its intent is synced to disk (guarantee 1)."""

from collections.abc import Callable
from typing import Any

import pytest

from asyncclient.testing.request_record import RequestLog


async def test_no_request_arrives_before_its_intent_was_synced(
    arena: Any, monkeypatch: pytest.MonkeyPatch, synced_bytes: Callable[[], int]
) -> None:
    async with arena(persons=60) as a:
        plan = await a.plan()
        late: list[str] = []
        arrived = 0
        add = RequestLog.add

        def checked(log: RequestLog, request: Any, **options: Any) -> None:
            nonlocal arrived
            if request.action == "bulk_delete" and request.method == "POST":
                arrived += 1
                if a.journal.read_bytes()[: synced_bytes()].count(b'"type":"intent"') < arrived:
                    late.append(request.path)
            add(log, request, **options)

        monkeypatch.setattr(RequestLog, "add", checked)
        await a.run(plan, batch_size=10, concurrency=1)
        assert arrived >= 12
        assert late == []
