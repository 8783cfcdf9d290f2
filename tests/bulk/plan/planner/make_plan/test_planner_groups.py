"""Planning in groups of reads: concurrent, in order, each person once, and in constant memory."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import UUID, uuid4

import msgspec
import pytest

from asyncclient import Limits, Person, PersonRef, RateLimits
from asyncclient.retry import RetryPolicy
from asyncclient.testing import LocalPostHog, ServerOptions
from bulk.errors import Refused
from bulk.plan.plan_file import load_plan
from bulk.plan.planner import make_plan
from bulk.selection.input_findings import TEXT_MAX, LineNumbers, by_kind
from bulk.selection.selections import ByDistinctIds, ByEmails
from tests.bulk.plan.planner.make_plan.plans import OPERATION, known_by, left_behind


class Stub:
    """A client whose reads are functions of a test; counts how many run at once."""

    def __init__(self, refs: Callable[[list[str]], Iterable[tuple[str, PersonRef]]], persons: list[Person]) -> None:
        self.running = self.max_running = 0
        self.groups: list[list[str]] = []
        self._refs = refs
        self._persons = persons
        self.project_id = 1
        self.origin = "http://127.0.0.1:1"
        self.limits = Limits(RateLimits.off())
        self.projects = SimpleNamespace(get=self._project)
        self.persons = SimpleNamespace(refs_by_distinct_ids=self._by_distinct_ids, iter_raw=self._iter_raw)

    def observed(self, _: object) -> "Stub":
        return self

    once = with_retry = observed
    retry = RetryPolicy()

    def server_time(self) -> float:
        return 1.0e9

    boot_time = server_time

    async def _project(self, project_id: int) -> SimpleNamespace:
        return SimpleNamespace(id=project_id, name="stub")

    async def _by_distinct_ids(self, ids: list[str]) -> dict[str, PersonRef]:
        self.running += 1
        self.max_running = max(self.max_running, self.running)
        self.groups.append(list(ids))
        for _ in range(hash(ids[0]) % 7):  # responses overtake each other
            await asyncio.sleep(0)
        self.running -= 1
        return dict(self._refs(ids))

    async def _iter_raw(self, **_: object) -> AsyncIterator[msgspec.Raw]:
        for person in self._persons:
            yield msgspec.Raw(msgspec.json.encode(person))


def ref(number: int) -> PersonRef:
    return PersonRef(uuid=UUID(int=number), created_at=datetime.now(UTC), distinct_ids=["x"])


@pytest.mark.parametrize("concurrency", [1, 3])
async def test_groups_are_read_concurrently_and_written_in_order(plan_path: Path, concurrency: int) -> None:
    ids = [f"d{number}" for number in range(3001)]
    stub: Any = Stub(lambda group: [(one, ref(int(one[1:]))) for one in group], [])
    with await make_plan(stub, OPERATION, ByDistinctIds(ids), plan_path, concurrency=concurrency) as plan:
        assert known_by(plan) == ids
    assert stub.max_running == concurrency
    assert max(map(len, stub.groups)) == 200


async def test_a_server_that_ignores_the_email_filter_is_refused(plan_path: Path) -> None:
    stranger = Person(uuid=uuid4(), created_at=datetime.now(UTC), properties={"email": "other@example.org"})
    stub: Any = Stub(lambda _: [], [stranger])
    with pytest.raises(Refused, match="was not requested") as caught:
        await make_plan(stub, OPERATION, ByEmails(["jane@example.org"]), plan_path)
    assert "example.org" not in str(caught.value)
    assert left_behind(plan_path) == []


async def test_an_email_in_another_case_is_selected_only_on_request(plan_path: Path) -> None:
    email = {"email": "Jane@Example.org"}
    person = Person(uuid=uuid4(), created_at=datetime.now(UTC), properties=email, distinct_ids=["jane"])
    stub: Any = Stub(lambda _: [], [person])
    with pytest.raises(Refused, match="no person matches"):
        await make_plan(stub, OPERATION, ByEmails(["jane@example.org"]), plan_path)
    selection = ByEmails(["jane@example.org"], match="ignore-case")
    with await make_plan(stub, OPERATION, selection, plan_path) as plan:
        assert by_kind(plan.findings)["unmatched"]["count"] == 0


async def test_a_person_in_two_responses_is_one_target(plan_path: Path) -> None:
    stub: Any = Stub(lambda group: [(one, ref(1)) for one in group], [])
    with await make_plan(stub, OPERATION, ByDistinctIds(f"d{n}" for n in range(500)), plan_path) as plan:
        assert plan.count == 1
        assert by_kind(plan.findings)["aliases"]["lines"] == "2-500"


@pytest.mark.slow
def test_line_numbers_too_long_for_a_plan_are_cut_and_marked() -> None:
    lines = LineNumbers()
    for number in range(0, 1_000_000, 2):
        lines.add(number)
    found = lines.to_finding()
    assert found["count"] == 500_000
    assert found["cut"] is True
    assert len(found["lines"]) <= TEXT_MAX
    assert found["lines"].rsplit(",", 1)[1].isdigit()


PLANNER = """
import asyncio, re, sys
from asyncclient import Limits, PostHogClient, RateLimits
from bulk import ByDistinctIds, ByFilter, DeletePersons, make_plan
async def main(url, key, kind, path, source):
    selection = ByFilter(everyone=True) if kind == "filter" else ByDistinctIds(source)
    client = PostHogClient(
        host=url, project_id=1, personal_api_key=key, limits=Limits(RateLimits.off()), api_prefix="projects"
    )
    async with client:
        plan = await make_plan(client, DeletePersons(), selection, path)
    with open("/proc/self/status") as file:  # the peak of this program alone; getrusage counts the parent's in
        print(plan.count, re.search(r"VmHWM:\\s+(\\d+)", file.read())[1])
asyncio.run(main(*sys.argv[1:]))
"""


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["filter", "file"])
async def test_memory_does_not_grow_with_the_plan(
    tmp_path: Path, case_count: Callable[[int, int], int], kind: str
) -> None:
    peaks, few, many = [], 10_000, case_count(40_000, 300_000)
    for persons in (few, many):
        options = ServerOptions(record_requests=False)
        source = tmp_path / f"{persons}.txt"
        with source.open("w") as file:
            file.writelines(f"user-{number}\n" for number in range(persons))
        async with LocalPostHog(persons=persons, options=options) as server:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-c",
                PLANNER,
                server.url,
                server.personal_api_key,
                kind,
                str(tmp_path / f"{persons}.plan.jsonl"),
                str(source),
                stdout=subprocess.PIPE,
            )
            out, _ = await process.communicate()
        count, peak_kib = map(int, out.split())
        assert count == persons
        peaks.append(peak_kib)
    assert peaks[1] - peaks[0] < 64 * 1024 * (many - few) / 290_000
    assert peaks[1] < 150 * 1024
    load_plan(tmp_path / f"{many}.plan.jsonl").close()
