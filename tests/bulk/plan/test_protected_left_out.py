"""A protected person is in no plan because one response leaves it out (guarantees 11 and 32)."""

from pathlib import Path
from typing import Any

import pytest
from changed_responses import Body, rewrite

from asyncclient import PostHogClient
from asyncclient.testing import LocalPostHog
from bulk import ByPersonIds, DeletePersons, make_plan
from bulk.errors import Refused


@pytest.fixture(autouse=True)
def second_looks_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bulk.posthog.person_reader.CONFIRM_AFTER_S", 0.0)


READS = {
    "distinct ID": "batch_by_distinct_ids",
    "UUID": "batch_by_uuids",
    "email": "list",
}


@pytest.mark.parametrize("left_out", ["one", "all"])
@pytest.mark.parametrize("kind", READS)
async def test_a_line_whose_person_one_response_leaves_out_protects_it(
    server: LocalPostHog, client: PostHogClient, tmp_path: Path, kind: str, left_out: str
) -> None:
    people: list[Any] = [server.world.person(uuid) for uuid in server.world.iter_uuids()]
    chosen = [person for person in people if "email" in person.properties][:3]
    staff = tmp_path / "staff.txt"
    named = {
        "distinct ID": [person.distinct_ids[0] for person in chosen],
        "UUID": [str(person.uuid) for person in chosen],
        "email": [person.properties["email"] for person in chosen],
    }[kind]
    staff.write_text("\n".join(named))
    due = [True]
    gone = {str(person.uuid) for person in (chosen if left_out == "all" else chosen[1:2])}

    def change(action: str, body: Body) -> Body | None:
        if action != READS[kind] or not due or not any(each in str(body) for each in gone):
            return None
        due.clear()
        if action == "list":
            return {**body, "results": [row for row in body["results"] if row["uuid"] not in gone]}
        return {"results": {key: row for key, row in body["results"].items() if row["uuid"] not in gone}}

    rewrite(server, change)
    with pytest.raises(Refused):
        await make_plan(
            client,
            DeletePersons(),
            ByPersonIds([person.uuid for person in chosen]),
            tmp_path / "x.plan.jsonl",
            protect=[staff],
        )
    assert due == []


@pytest.mark.parametrize("kind", READS)
async def test_lines_of_several_batches_that_name_one_person_all_count(
    server: LocalPostHog, client: PostHogClient, tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bulk.selection.conditions.protection_list.READ_SIZE", 1)
    monkeypatch.setattr("bulk.posthog.person_reader.CONFIRM_AFTER_S", 3600.0)

    async def sleep(*_: object, **__: object) -> None:
        monkeypatch.setattr("bulk.posthog.person_reader.CONFIRM_AFTER_S", 0.0)

    monkeypatch.setattr("bulk.concurrency.stop_gate.StopGate.sleep", sleep)
    people: list[Any] = [server.world.person(uuid) for uuid in server.world.iter_uuids()]
    chosen = [person for person in people if "email" in person.properties][:2]
    named = chosen[0].properties["email"] if kind == "email" else str(chosen[0].uuid)
    named = chosen[0].distinct_ids[0] if kind == "distinct ID" else named
    staff = tmp_path / "staff.txt"
    staff.write_text(f"{named}\n" * 3)
    due = [True] * 3

    def change(action: str, body: Body) -> Body | None:
        if action != READS[kind] or not due or str(chosen[0].uuid) not in str(body):
            return None
        due.pop()
        return {**body, "results": [] if action == "list" else {}}

    rewrite(server, change)
    with await make_plan(
        client,
        DeletePersons(),
        ByPersonIds([person.uuid for person in chosen]),
        tmp_path / "x.plan.jsonl",
        protect=[staff],
    ) as plan:
        protected = next(each for each in plan.findings if each["kind"] == "protected")
    assert (due, plan.count, protected["unmatched"]["count"]) == ([], 1, 0)
