"""Planning when responses leave persons out or fail: one response alone drops no person."""

import json
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from io import BytesIO
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import pytest

from asyncclient import Limits, PostHogClient, PropertyFilter, RateLimits
from asyncclient.testing import LocalPostHog, ServerOptions
from bulk import (
    ByDistinctIds,
    ByEmails,
    ByFilter,
    ByPersonIds,
    DeletePersons,
    NotFinished,
    Plan,
    UnsetProperties,
    load_plan,
    make_plan,
)
from bulk.events import PlanEvent, PlanProgress, WaitKind
from bulk.report.rendering.findings import discovery_sentences
from bulk.selection.input_findings import by_kind

BATCHES = ("batch_by_uuids", "batch_by_distinct_ids")
Body = dict[str, Any]


class Server:
    """A local server that changes its first responses to some calls."""

    def __init__(self, server: LocalPostHog, client: PostHogClient, folder: Path) -> None:
        self.server, self.client, self.folder = server, client, folder
        self.uuids = list(server.world.iter_uuids())
        handle = server._handler.handle
        self._edits: dict[str, list[Callable[[Body], Any]]] = {}

        def edited(call: Any) -> Any:
            outcome = handle(call)
            edits = self._edits.get(outcome.record.action)
            if not edits:
                return outcome
            body = json.loads(outcome.response.body)
            edits.pop(0)(body)
            response = msgspec.structs.replace(outcome.response, body=json.dumps(body).encode())
            return msgspec.structs.replace(outcome, response=response)

        server._handler.handle = edited  # type: ignore[method-assign]

    def edit(self, actions: tuple[str, ...], change: Callable[[Body], Any], *, times: int = 1) -> None:
        for action in actions:
            self._edits.setdefault(action, []).extend([change] * times)

    def ids(self) -> list[str]:
        people = [self.server.world.person(uuid) for uuid in self.uuids]
        return [person.distinct_ids[0] for person in people if person is not None]

    def emails(self) -> list[str]:
        people = [self.server.world.person(uuid) for uuid in self.uuids]
        return [person.properties["email"] for person in people if person is not None and "email" in person.properties]

    async def plan(self, selection: Any, operation: Any = None) -> Plan:
        return await make_plan(self.client, operation or DeletePersons(), selection, self.folder / "x.plan.jsonl")


@asynccontextmanager
async def opened(folder: Path, persons: int = 30, **options: Any) -> AsyncIterator[Server]:
    async with LocalPostHog(persons=persons, seed=3, options=ServerOptions(gzip=False, **options)) as server:
        client = PostHogClient(
            host=server.url,
            project_id=server.project_id,
            personal_api_key=server.personal_api_key,
            limits=Limits(RateLimits.off()),
            uniform=lambda low, high: low,
        )
        async with client:
            yield Server(server, client, folder)


def drop_all(body: Body) -> None:
    body["results"] = type(body["results"])()


def keep_five(body: Body) -> None:
    results = body["results"]
    body["results"] = results[:5] if isinstance(results, list) else dict(list(results.items())[:5])


def left_behind(folder: Path) -> list[Path]:
    return list(folder.iterdir())


SELECTIONS: dict[str, Callable[[Server], Any]] = {
    "distinct IDs": lambda s: ByDistinctIds(s.ids()),
    "UUIDs": lambda s: ByPersonIds(list(s.uuids)),
    "emails": lambda s: ByEmails(s.emails()),
}


@pytest.mark.parametrize("selection", SELECTIONS)
@pytest.mark.parametrize("change", [drop_all, keep_five])
async def test_a_line_that_one_response_leaves_out_is_found_by_a_second_lookup(
    tmp_path: Path, selection: str, change: Callable[[Body], Any]
) -> None:
    async with opened(tmp_path) as s:
        chosen = SELECTIONS[selection](s)
        s.edit(("list", *BATCHES), change)
        with await s.plan(chosen) as plan:
            found = by_kind(plan.findings)
            assert plan.count == found["lines"]["count"]
            assert found["unmatched"]["count"] == found["unread"]["count"] == 0


@pytest.mark.parametrize("selection", SELECTIONS)
async def test_a_line_that_two_responses_leave_out_is_unmatched(tmp_path: Path, selection: str) -> None:
    async with opened(tmp_path) as s:
        chosen = SELECTIONS[selection](s)
        for uuid in s.uuids[1:3]:
            s.server.world.remove_person(uuid)
        with await s.plan(chosen) as plan:
            found = by_kind(plan.findings)
            assert found["unmatched"]["count"] == found["lines"]["count"] - plan.count == 2


@pytest.mark.parametrize("selection", ["distinct IDs", "UUIDs"])
async def test_a_line_whose_person_cannot_be_read_is_listed_and_does_not_stop_the_plan(
    tmp_path: Path, selection: str
) -> None:
    async with opened(tmp_path) as s:
        bad = str(s.uuids[7])

        def spoil(body: Body) -> None:
            for person in body["results"].values():
                if person["uuid"] == bad:
                    person["created_at"] = None

        s.edit(BATCHES, spoil, times=1000)
        with await s.plan(SELECTIONS[selection](s)) as plan:
            assert plan.count == 29
            assert by_kind(plan.findings)["unread"] == {"count": 1, "lines": "8"}
            assert by_kind(plan.findings)["unmatched"]["count"] == 0


async def test_without_a_readable_person_there_is_no_plan_and_planning_can_be_repeated(tmp_path: Path) -> None:
    async with opened(tmp_path, persons=1) as s:
        s.edit(BATCHES, lambda body: [person.pop("distinct_ids") for person in body["results"].values()], times=10)
        with pytest.raises(NotFinished, match=r"^planning interrupted: 1 selected person could not be read") as raised:
            await s.plan(ByPersonIds(s.uuids))
    assert str(raised.value).endswith("; run the same command again.")
    assert left_behind(tmp_path) == []


async def test_a_protection_list_that_cannot_be_looked_up_interrupts_the_planning(tmp_path: Path) -> None:
    async with opened(tmp_path, persons=1) as s:
        s.edit(BATCHES, lambda body: [person.pop("distinct_ids") for person in body["results"].values()], times=10)
        (tmp_path / "staff.txt").write_text(f"{s.ids()[0]}\n")
        with pytest.raises(NotFinished, match=r"^planning interrupted: 1 line of the protection list"):
            await make_plan(
                s.client,
                DeletePersons(),
                ByFilter(everyone=True),
                tmp_path / "x.plan.jsonl",
                protect=[tmp_path / "staff.txt"],
            )


async def query_verifier(s: Server) -> None:
    for uuid in s.uuids:
        s.server.world.set_properties(uuid, {"secret": 1})
    for number in range(200):
        s.server.world.add_person([f"other-{number}"], {})


async def test_planning_by_query_keeps_a_person_that_one_response_leaves_out(tmp_path: Path) -> None:
    async with opened(tmp_path) as s:
        await query_verifier(s)
        s.edit(("batch_by_uuids",), keep_five)
        with await s.plan(ByFilter(everyone=True), UnsetProperties(keys=("secret",))) as plan:
            assert by_kind(plan.findings)["discovery"]["by"] == "query"
            assert {target.uuid for target in plan.iter()} == set(s.uuids)


def drop_properties(body: Body) -> None:
    for row in body["results"]:
        del row["properties"]


def empty_properties(body: Body) -> None:
    for row in body["results"]:
        row["properties"] = {}


@pytest.mark.parametrize("change", [drop_properties, empty_properties])
async def test_an_unset_by_filter_keeps_persons_whose_row_has_no_property(
    tmp_path: Path, change: Callable[[Body], Any]
) -> None:
    async with opened(tmp_path) as s:
        for uuid in s.uuids:
            s.server.world.set_properties(uuid, {"secret": 1, "color": "red"})
        s.server.world.add_person(["bare"], {"color": "red"})
        s.edit(("list",), change, times=10)
        selection = ByFilter(properties=[PropertyFilter("color", "red")], everyone=True)
        with await s.plan(selection, UnsetProperties(keys=("secret",))) as plan:
            assert {target.uuid for target in plan.iter()} == set(s.uuids)
            found = by_kind(plan.findings)
            assert (found["listed"]["count"], found["discovery"]["without"]) == (31, 1)


async def test_persons_whose_row_has_no_property_and_that_cannot_be_read_are_counted(tmp_path: Path) -> None:
    async with opened(tmp_path) as s:
        s.edit(("list",), lambda body: body["results"][0].update(properties={}))
        lost: list[str] = []

        def without_properties(body: Body) -> None:
            for uuid, row in body["results"].items():
                lost.append(uuid)
                del row["properties"]

        s.edit(("batch_by_uuids",), without_properties, times=10)
        selection = ByFilter(properties=[PropertyFilter("email", "nobody", operator="is_not")], everyone=True)
        with await s.plan(selection, UnsetProperties(keys=("email",))) as plan:
            assert by_kind(plan.findings)["discovery"]["unread"] == 1
            assert UUID(lost[0]) not in {target.uuid for target in plan.iter()}
            sentence = "1 person in the listing is unread and not in the plan"
            assert sentence in " ".join(discovery_sentences(by_kind(plan.findings)))


async def test_planning_by_query_counts_persons_that_no_longer_exist(tmp_path: Path) -> None:
    async with opened(tmp_path) as s:
        await query_verifier(s)
        gone = {str(uuid) for uuid in s.uuids[:2]}

        def without(body: Body) -> None:
            body["results"] = {key: person for key, person in body["results"].items() if key not in gone}

        s.edit(("batch_by_uuids",), without, times=10)
        with await s.plan(ByFilter(everyone=True), UnsetProperties(keys=("secret",))) as plan:
            assert plan.count == 28
            assert by_kind(plan.findings)["discovery"]["gone"] == 2


@pytest.mark.parametrize(
    "created_at", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00", "0001-01-01T00:00:00Z"]
)
async def test_a_person_created_at_the_end_of_the_calendar_is_in_the_plan(tmp_path: Path, created_at: str) -> None:
    async with opened(tmp_path) as s:
        uuid = str(s.uuids[0])
        s.edit(BATCHES, lambda body: body["results"][uuid].update(created_at=created_at))
        with await s.plan(ByPersonIds(s.uuids)) as plan:
            assert plan.count == 30
        with load_plan(tmp_path / "x.plan.jsonl") as again:
            assert [target.uuid for target in again.iter()] == [UUID(str(uuid)) for uuid in s.uuids]


class SilentPipe(BytesIO):
    """An input that gives its lines only when the display has shown that they are waited for."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self.is_shown = threading.Event()

    def readline(self, limit: int | None = -1) -> bytes:
        assert self.is_shown.wait(10)
        return super().readline(limit)


async def test_planning_shows_that_it_waits_for_the_lines_of_a_pipe(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bulk.concurrency.ticker.TICK_S", 0.01)
    monkeypatch.setattr("bulk.progress.wait_tracker.SHOWN_FROM_S", 0.0)
    async with opened(tmp_path) as server:
        pipe = SilentPipe(b"user-1\nuser-2\n")

        def on_progress(event: PlanEvent) -> None:
            if isinstance(event, PlanProgress) and event.wait is not None and event.wait.kind is WaitKind.INPUT:
                pipe.is_shown.set()

        path = tmp_path / "x.plan.jsonl"
        with await make_plan(
            server.client, DeletePersons(), ByDistinctIds(pipe), path, on_progress=on_progress
        ) as plan:
            assert plan.count == 2
