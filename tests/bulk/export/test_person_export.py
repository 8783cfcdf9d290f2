"""A line of an export counts as unmatched, and a person as gone, only after a second lookup."""

from io import BytesIO
from typing import Any

import anyio
import msgspec
import pytest
from changed_responses import Body, rewrite

from asyncclient import Limits, PostHogClient, RateLimits
from asyncclient.testing import LocalPostHog, ServerOptions
from bulk import ByDistinctIds, ByEmails, ByPersonIds, ByQuery
from bulk.concurrency.stop_gate import StopGate
from bulk.events import Wait, WaitKind
from bulk.export.person_export import export_lines
from bulk.selection.input_findings import Findings

PERSONS = 30


def client_of(server: LocalPostHog) -> PostHogClient:
    return PostHogClient(
        host=server.url,
        project_id=server.project_id,
        personal_api_key=server.personal_api_key,
        limits=Limits(RateLimits.off()),
    )


def selection(server: LocalPostHog, kind: str) -> Any:
    people = [person for uuid in server.world.iter_uuids() if (person := server.world.person(uuid)) is not None]
    if kind == "UUIDs":
        return ByPersonIds([person.uuid for person in people])
    if kind == "emails":
        return ByEmails([person.properties["email"] for person in people if "email" in person.properties])
    return ByDistinctIds([person.distinct_ids[0] for person in people])


@pytest.mark.parametrize("kind", ["UUIDs", "distinct IDs", "emails"])
@pytest.mark.parametrize("gone", [False, True])
async def test_a_line_that_one_response_leaves_out_is_looked_up_again(
    monkeypatch: pytest.MonkeyPatch, kind: str, gone: bool
) -> None:
    monkeypatch.setattr("bulk.posthog.person_reader.CONFIRM_AFTER_S", 0.0)
    options = ServerOptions(gzip=False)
    async with LocalPostHog(persons=PERSONS, seed=3, options=options) as server, client_of(server) as client:
        chosen = selection(server, kind)
        left_out = list(server.world.iter_uuids())[1:3]
        changed = [0]

        def leave_out(action: str, body: Body) -> Body | None:
            if action not in ("list", "batch_by_uuids", "batch_by_distinct_ids") or (changed[0] and not gone):
                return None
            changed[0] += 1
            results, hidden = body["results"], {str(uuid) for uuid in left_out}
            if isinstance(results, list):
                return body | {"results": [person for person in results if person["uuid"] not in hidden]}
            return body | {"results": {key: one for key, one in results.items() if one["uuid"] not in hidden}}

        rewrite(server, leave_out)
        findings = Findings()
        found = [msgspec.json.decode(line)["uuid"] async for line in export_lines(client, chosen, findings)]
        assert len(found) == len(set(found)) == findings.lines - 2 * gone
        assert len(findings.unmatched) == 2 * gone


@pytest.mark.parametrize("gone", [False, True])
async def test_a_queried_person_that_one_response_leaves_out_is_looked_up_again(
    monkeypatch: pytest.MonkeyPatch, gone: bool
) -> None:
    monkeypatch.setattr("bulk.posthog.person_reader.CONFIRM_AFTER_S", 0.0)
    options = ServerOptions(gzip=False)
    async with LocalPostHog(persons=PERSONS, seed=3, options=options) as server, client_of(server) as client:
        left_out = {str(uuid) for uuid in list(server.world.iter_uuids())[1:3]}
        reads = [0]

        def leave_out(action: str, body: Body) -> Body | None:
            if action != "batch_by_uuids" or not body["results"]:
                return None
            reads[0] += 1
            if reads[0] > 1 and not gone:
                return None
            return {"results": {key: one for key, one in body["results"].items() if key not in left_out}}

        rewrite(server, leave_out)
        findings, chosen = Findings(), ByQuery(query="SELECT id AS person_id FROM persons")
        found = [msgspec.json.decode(line)["uuid"] async for line in export_lines(client, chosen, findings)]
        assert len(found) == len(set(found)) == PERSONS - findings.gone
        assert findings.gone == 2 * gone


class Stream(BytesIO):
    """An input that notes what is waited for whenever it is read."""

    def __init__(self, data: bytes, gate: StopGate) -> None:
        super().__init__(data)
        self.gate, self.waits = gate, list[Wait]()

    def readline(self, limit: int | None = -1) -> bytes:
        self.waits += self.gate.sleeps.waits(anyio.from_thread.run_sync(anyio.current_time))
        return super().readline(limit)


async def test_the_wait_for_the_lines_of_a_pipe_is_told_while_it_lasts() -> None:
    async with LocalPostHog(persons=PERSONS, seed=3) as server, client_of(server) as client:
        gate = StopGate()
        stream = Stream(b"user-1\nuser-2\n", gate)
        assert len([line async for line in export_lines(client, ByDistinctIds(stream), Findings(), gate=gate)]) == 2
        assert {wait.kind for wait in stream.waits} == {WaitKind.INPUT}
        assert gate.sleeps.waits(anyio.current_time()) == []
