"""Planning against the local server: the persons in the plan and the findings."""

from pathlib import Path
from uuid import UUID, uuid4

import pytest

from asyncclient import Bucket, Limits, PostHogClient, PropertyFilter, RateLimits
from asyncclient.testing import LocalPostHog
from bulk.events import PlanProgress
from bulk.plan.planner import make_plan
from bulk.selection.input_findings import by_kind
from bulk.selection.input_lines import EMAILS_PER_LISTING
from bulk.selection.selections import ByDistinctIds, ByEmails, ByFilter, ByPersonIds
from tests.bulk.plan.planner.make_plan.plans import FREE, OPERATION, client_of, known_by, uuids, view


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
    assert found["aliases"] == {"count": 2, "lines": "3,11", "first_lines": [[3, 1], [11, 1]]}
    assert found["duplicates"] == {"count": 1, "lines": "6", "first_lines": [[6, 1]]}
    assert found["refused"] == {
        "count": 3,
        "reasons": {
            "placeholder ID": {"count": 1, "lines": "7"},
            "NUL byte": {"count": 1, "lines": "8"},
            "not UTF-8": {"count": 1, "lines": "9"},
        },
    }
    assert found["blank"] == {"count": 1, "lines": "4"}


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


@pytest.mark.parametrize(("count", "shown_ids"), [(40, 40), (1_200, 1_000)])
async def test_persons_with_many_distinct_ids_are_a_finding(
    server: LocalPostHog, client: PostHogClient, plan_path: Path, count: int, shown_ids: int
) -> None:
    server.world.add_person([f"many-{number}" for number in range(count)], {"plan": "hoarder"})
    selection = ByFilter(properties=(PropertyFilter("plan", "hoarder"),))
    with await make_plan(client, OPERATION, selection, plan_path) as plan:
        shown = [{"target": 0, "distinct_ids": shown_ids, "is_minimum": shown_ids < count}]
        many = {"count": 1, "threshold": 10, "most_shown": shown_ids, "shown": shown}
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
