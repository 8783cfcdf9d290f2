"""Planning against the local server: the persons in the plan, the findings, and nothing left behind."""

import asyncio
import io
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

from asyncclient import (
    Bucket,
    Limits,
    PermissionDenied,
    Person,
    PersonRef,
    PostHogClient,
    PropertyFilter,
    RateLimits,
    ServerError,
)
from asyncclient.retry import RetryPolicy
from asyncclient.testing import Fault, LocalPostHog, ServerOptions
from bulk.errors import FileTrouble, InputError, Refused
from bulk.events import PlanProgress
from bulk.operations import DeletePersons
from bulk.plan.plan_file import Plan, load_plan
from bulk.plan.planner import make_plan
from bulk.selection.input_findings import TEXT_MAX, LineNumbers, by_kind
from bulk.selection.input_lines import EMAILS_PER_LISTING
from bulk.selection.selections import ByDistinctIds, ByEmails, ByFilter, ByPersonIds, Selection

OPERATION = DeletePersons(delete_events=True)
FREE = ByFilter(properties=(PropertyFilter("plan", "free"),))


@pytest.fixture(autouse=True)
def second_looks_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Confirm absences at once: these tests are about results, not times."""
    monkeypatch.setattr("bulk.posthog.person_reader.CONFIRM_AFTER_S", 0.0)


@pytest.fixture
async def server() -> AsyncIterator[LocalPostHog]:
    async with LocalPostHog(persons=1200, seed=3, options=ServerOptions(project_name="Acme")) as running:
        yield running


def client_of(server: LocalPostHog, **settings: Any) -> PostHogClient:
    settings.setdefault("limits", Limits(RateLimits.off()))
    settings.setdefault("project_id", server.project_id)
    return PostHogClient(host=server.url, personal_api_key=server.personal_api_key, **settings)


@pytest.fixture
async def client(server: LocalPostHog) -> AsyncIterator[PostHogClient]:
    async with client_of(server) as opened:
        yield opened


@pytest.fixture
def plan_path(tmp_path: Path) -> Path:
    return tmp_path / "x.plan.jsonl"


Planned = Callable[..., "Any"]


def known_by(plan: Plan) -> list[str | None]:
    return [target.distinct_id for target in plan.iter()]


def uuids(plan: Plan) -> list[UUID]:
    return [target.uuid for target in plan.iter()]


def left_behind(plan_path: Path) -> list[Path]:
    return list(plan_path.parent.iterdir())


def occupy(path: Path, text: str) -> None:
    path.write_text(text)


def content(path: Path) -> str:
    return path.read_text()


def view(server: LocalPostHog, distinct_id: str) -> UUID:
    found = server.world.uuid_of(distinct_id)
    assert found is not None
    return UUID(str(found))


async def test_a_filter_selects_exactly_the_matching_persons(
    server: LocalPostHog, client: PostHogClient, plan_path: Path
) -> None:
    with await make_plan(client, OPERATION, FREE, plan_path, page_size=100) as plan:
        free = {
            UUID(str(uuid))
            for uuid in server.world.iter_uuids()
            if (person := server.world.person(uuid)) is not None and person.properties.get("plan") == "free"
        }
        assert set(uuids(plan)) == free
        assert plan.count == len(free)
        assert all(target.created_at.tzinfo is not None for target in plan.iter())
        assert by_kind(plan.findings)["listed"]["count"] == len(free)


async def test_everyone_and_an_email_are_filters(server: LocalPostHog, client: PostHogClient, tmp_path: Path) -> None:
    server.world.add_person(["mail"], {"email": "jane@example.org"})
    with await make_plan(client, OPERATION, ByFilter(everyone=True), tmp_path / "all") as plan:
        assert plan.count == 1201
    with await make_plan(client, OPERATION, ByFilter(email="jane@example.org"), tmp_path / "one") as plan:
        assert uuids(plan) == [view(server, "mail")]


async def test_distinct_ids_are_written_in_the_order_of_the_input(
    server: LocalPostHog, client: PostHogClient, plan_path: Path
) -> None:
    ids = [f"d-{number * 7919 % 1500}" for number in range(1500)]
    for one in sorted(ids):
        server.world.add_person([one], {})
    with await make_plan(client, OPERATION, ByDistinctIds(ids), plan_path, concurrency=4) as plan:
        assert known_by(plan) == ids
        assert uuids(plan) == [view(server, one) for one in ids]


async def test_every_input_line_has_an_outcome(server: LocalPostHog, client: PostHogClient, tmp_path: Path) -> None:
    server.world.add_person(["a", "a2", "a3"], {})
    server.world.add_person(["b"], {})
    file = tmp_path / "ids.txt"
    file.write_bytes(b"\xef\xbb\xbfa\r\nnobody\r\na2\r\n\r\nb\r\na\r\nundefined\r\nx\0y\r\n\xff\r\nnobody 2\r\na3")
    with await make_plan(client, OPERATION, ByDistinctIds(file), tmp_path / "p") as plan:
        assert known_by(plan) == ["a", "b"]
        found = by_kind(plan.findings)
    assert found["lines"] == {"count": 11}
    causes = {"no likely cause": {"count": 2, "lines": "2,10"}}
    assert found["unmatched"] == {"count": 2, "lines": "2,10", "causes": causes}
    assert found["aliases"] == {"count": 2, "lines": "3,11"}
    assert found["duplicates"] == {"count": 1, "lines": "6", "first_lines": [[6, 1]]}
    assert found["refused"] == {
        "count": 4,
        "reasons": {
            "blank": {"count": 1, "lines": "4"},
            "placeholder ID": {"count": 1, "lines": "7"},
            "NUL byte": {"count": 1, "lines": "8"},
            "not UTF-8": {"count": 1, "lines": "9"},
        },
    }


async def test_a_csv_column_is_read_and_numbered_by_line(
    server: LocalPostHog, client: PostHogClient, tmp_path: Path
) -> None:
    server.world.add_person(["a"], {})
    file = tmp_path / "ids.csv"
    file.write_text('note,id\n"two\nlines",nobody\nx,a\n')
    with await make_plan(client, OPERATION, ByDistinctIds(file, column="id"), tmp_path / "p") as plan:
        assert known_by(plan) == ["a"]
        assert by_kind(plan.findings)["unmatched"]["lines"] == "2"


async def test_placeholder_ids_are_accepted_when_allowed(
    server: LocalPostHog, client: PostHogClient, plan_path: Path
) -> None:
    server.world.add_person(["undefined"], {})
    selection = ByDistinctIds(["undefined"], allow_shared_ids=True)
    with await make_plan(client, OPERATION, selection, plan_path) as plan:
        assert known_by(plan) == ["undefined"]


async def test_persons_selected_by_uuid_also_have_a_distinct_id_in_the_plan(
    server: LocalPostHog, client: PostHogClient, plan_path: Path
) -> None:
    first, second = view(server, "user-1"), view(server, "user-2")
    lines = [str(first).upper(), second, uuid4(), str(first).replace("-", ""), "user-1"]
    with await make_plan(client, OPERATION, ByPersonIds(lines), plan_path) as plan:
        assert uuids(plan) == [first, second]
        assert known_by(plan) == ["user-1", "user-2"]
        found = by_kind(plan.findings)
    assert (found["unmatched"]["lines"], found["duplicates"]["lines"]) == ("3", "4")
    assert found["refused"]["reasons"] == {"not a UUID": {"count": 1, "lines": "5"}}


async def test_emails_select_every_person_who_has_them(
    server: LocalPostHog, client: PostHogClient, plan_path: Path
) -> None:
    emails = [f"p{number}@example.org" for number in range(2 * EMAILS_PER_LISTING + 5)]
    for email in emails:
        server.world.add_person([f"d-{email}"], {"email": email})
    server.world.add_person(["twin"], {"email": emails[7]})
    inputs = [*emails, "nobody@example.org", emails[0], "not an email"]
    with await make_plan(client, OPERATION, ByEmails(inputs), plan_path) as plan:
        assert set(uuids(plan)) == {view(server, f"d-{email}") for email in emails} | {view(server, "twin")}
        found = by_kind(plan.findings)
    assert found["unmatched"]["lines"] == str(len(emails) + 1)
    assert found["duplicates"]["lines"] == str(len(emails) + 2)
    assert found["refused"]["reasons"]["not an email"]["lines"] == str(len(emails) + 3)


async def test_the_header_holds_the_operation_and_the_summary_no_identifier(
    client: PostHogClient, plan_path: Path
) -> None:
    with await make_plan(client, OPERATION, FREE, plan_path, now=lambda: 1.0e9) as plan:
        header = plan.header
    assert (header.project_id, header.project_name, header.host) == (1, "Acme", client.origin)
    assert header.operation == {"kind": "delete", "delete_events": True, "delete_recordings": False}
    assert header.created_at == "2001-09-09T01:46:40+00:00"
    assert header.selection["summary"] == FREE.summary()
    assert header.selection["details"] == FREE.details()


async def test_planning_only_reads_and_reads_the_project_first(
    server: LocalPostHog, client: PostHogClient, plan_path: Path
) -> None:
    (await make_plan(client, OPERATION, ByDistinctIds(["user-1"]), plan_path)).close()
    actions = [request.action for request in server.requests]
    assert actions[0] == "projects"
    assert set(actions) <= {"projects", "batch_by_distinct_ids"}


async def test_persons_with_many_distinct_ids_are_a_finding(
    server: LocalPostHog, client: PostHogClient, plan_path: Path
) -> None:
    server.world.add_person([f"many-{number}" for number in range(40)], {"plan": "hoarder"})
    selection = ByFilter(properties=(PropertyFilter("plan", "hoarder"),))
    with await make_plan(client, OPERATION, selection, plan_path) as plan:
        shown = [{"target": 0, "distinct_ids": 40, "is_minimum": False}]
        many = {"count": 1, "threshold": 10, "most_shown": 40, "shown": shown}
        assert by_kind(plan.findings)["many_distinct_ids"] == many


async def test_the_distinct_ids_of_persons_with_many_are_counted_by_a_listing(
    server: LocalPostHog, client: PostHogClient, plan_path: Path
) -> None:
    for person in range(30):
        server.world.add_person([f"p{person}-{number}" for number in range(10 + person)], {})
    server.world.add_person([f"huge-{number}" for number in range(1_200)], {})
    lines = [*(f"p{person}-0" for person in range(30)), "huge-0"]
    with await make_plan(client, OPERATION, ByDistinctIds(lines), plan_path) as plan:
        found = by_kind(plan.findings)["many_distinct_ids"]
    assert (found["count"], found["most_shown"], len(found["shown"])) == (31, 1_000, 20)
    assert found["shown"][:2] == [
        {"line": 31, "target": 30, "distinct_ids": 1_000, "is_minimum": True},
        {"line": 30, "target": 29, "distinct_ids": 39, "is_minimum": False},
    ]


async def test_the_plan_holds_the_times_of_the_planners_requests(server: LocalPostHog, plan_path: Path) -> None:
    limits = Limits(RateLimits.posthog())
    async with client_of(server, limits=limits) as client:
        with await make_plan(client, OPERATION, FREE, plan_path, now=lambda: 5000.0) as plan:
            requests = by_kind(plan.findings)["requests"]["count"]
            spent = plan.spent
    assert requests == len(server.requests)
    assert sum(len(times) for times in spent.values()) == requests
    assert set(spent) == {Bucket.DEFAULT.value, Bucket.OTHERS.value}
    assert all(4990.0 < time <= 5000.0 for times in spent.values() for time in times)


async def test_progress_counts_up_to_the_plan(client: PostHogClient, plan_path: Path) -> None:
    events: list[PlanProgress] = []
    with await make_plan(client, OPERATION, FREE, plan_path, page_size=100, on_progress=events.append) as plan:
        count = plan.count
    assert [event.targets for event in events] == sorted(event.targets for event in events)
    assert (events[-1].targets, events[-1].seen) == (count, count)
    assert len(events) > count // 100


@pytest.mark.parametrize(
    ("selection", "words"),
    [
        (ByFilter(), "selection is empty"),
        (ByDistinctIds([]), "is empty"),
        (ByDistinctIds(io.BytesIO(b"")), "is empty"),
        (ByDistinctIds([1]), "value 1"),
    ],
)
async def test_an_empty_selection_is_refused_before_any_request(
    server: LocalPostHog, client: PostHogClient, plan_path: Path, selection: Selection, words: str
) -> None:
    with pytest.raises(InputError, match=words):
        await make_plan(client, OPERATION, selection, plan_path)
    assert not server.requests
    assert left_behind(plan_path) == []


async def test_planning_for_the_current_project_is_refused(server: LocalPostHog, plan_path: Path) -> None:
    async with client_of(server, project_id="@current") as client:
        with pytest.raises(InputError, match="@current"):
            await make_plan(client, OPERATION, FREE, plan_path)
    assert not server.requests


@pytest.mark.parametrize("settings", [{"page_size": 0}, {"page_size": 1001}, {"concurrency": 0}])
async def test_settings_out_of_range_are_refused(
    client: PostHogClient, plan_path: Path, settings: dict[str, int]
) -> None:
    with pytest.raises(InputError, match=f"is {next(iter(settings.values()))}"):
        await make_plan(client, OPERATION, FREE, plan_path, **settings)


async def test_an_existing_plan_is_never_replaced(server: LocalPostHog, client: PostHogClient, plan_path: Path) -> None:
    occupy(plan_path, "mine")
    with pytest.raises(FileTrouble, match="exists"):
        await make_plan(client, OPERATION, FREE, plan_path)
    assert content(plan_path) == "mine"
    assert not server.requests


@pytest.mark.parametrize(
    ("selection", "words"),
    [
        (ByFilter(email="nobody@example.org"), "no person matches the selection"),
        (ByDistinctIds(["nobody", "no one"]), "no person matches any of the 2 input lines"),
        (ByDistinctIds(["nobody", ""]), "2 input lines; 1 of them cannot be used"),
        (
            ByDistinctIds(["null", ""]),
            r"none of the 2 input lines can be used \(line 1: placeholder ID; line 2: blank\)",
        ),
    ],
)
async def test_a_selection_without_a_match_is_refused_and_leaves_no_file(
    client: PostHogClient, plan_path: Path, selection: Selection, words: str
) -> None:
    with pytest.raises(Refused, match=words):
        await make_plan(client, OPERATION, selection, plan_path)
    assert left_behind(plan_path) == []


@pytest.mark.parametrize("action", ["projects", "list"])
async def test_a_key_without_the_scope_leaves_no_file(plan_path: Path, action: str) -> None:
    scopes = ("person:read",) if action == "projects" else ("project:read",)
    async with (
        LocalPostHog(persons=10, options=ServerOptions(scopes=scopes)) as server,
        client_of(server) as client,
    ):
        with pytest.raises(PermissionDenied):
            await make_plan(client, OPERATION, ByFilter(everyone=True), plan_path)
    assert left_behind(plan_path) == []


@pytest.mark.parametrize("selection", [FREE, ByDistinctIds([f"user-{n}" for n in range(900)])])
@pytest.mark.parametrize("after", range(5))
async def test_planning_interrupted_at_any_request_leaves_no_file(
    server: LocalPostHog, client: PostHogClient, plan_path: Path, selection: Selection, after: int
) -> None:
    server.faults.add(Fault("stall", after=after))
    planning = asyncio.create_task(make_plan(client, OPERATION, selection, plan_path, page_size=100))
    while len(server.requests) <= after:  # noqa: ASYNC110 - the server has no event for it
        await asyncio.sleep(0)
    planning.cancel()
    with pytest.raises(asyncio.CancelledError):
        await planning
    assert left_behind(plan_path) == []


@pytest.mark.parametrize("selection", [FREE, ByDistinctIds([f"user-{n}" for n in range(900)])])
async def test_an_error_while_planning_leaves_no_file_and_is_raised_unchanged(
    server: LocalPostHog, plan_path: Path, selection: Selection
) -> None:
    server.faults.add(Fault("status", status=502, after=3))
    async with client_of(server, retry=RetryPolicy.never()) as client:
        with pytest.raises(ServerError):
            await make_plan(client, OPERATION, selection, plan_path, page_size=100, retry_for_s=0)
    assert left_behind(plan_path) == []


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
    person = Person(uuid=uuid4(), created_at=datetime.now(UTC), properties={"email": "Jane@Example.org"})
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
    peaks, few, many = [], 10_000, case_count(60_000, 300_000)
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
