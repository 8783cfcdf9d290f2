"""Protected persons are in no plan, and an old plan that has one does not run (guarantee 32)."""

import json
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from asyncclient import PostHogClient, PropertyFilter, ServerError
from asyncclient.testing import Fault, LocalPostHog
from bulk import ByActivity, ByDistinctIds, ByEmails, ByFilter, ByQuery, DeletePersons, make_plan, run_job
from bulk.errors import FileTrouble, InputError, NotFinished, Refused
from bulk.plan.plan_file import Plan
from bulk.selection.input_findings import by_kind
from bulk.selection.inputs.coverage import coverage_of

MUTATING = {"destroy", "bulk_delete", "delete_events", "update", "delete_property", "capture"}
FREE = ByFilter(properties=(PropertyFilter("plan", "free"),))


def uuids(plan: Plan) -> set[UUID]:
    return {target.uuid for target in plan.iter()}


def free(server: LocalPostHog) -> list[Any]:
    people = [server.world.person(uuid) for uuid in server.world.iter_uuids()]
    return [person for person in people if person is not None and person.properties["plan"] == "free"]


def with_email(people: list[Any]) -> Any:
    return next(person for person in people[4:] if "email" in person.properties)


SELECTIONS = {
    "a filter": lambda _: FREE,
    "an activity": lambda _: ByActivity(created_after="2001-01-01", properties=FREE.properties),
    "a query": lambda _: ByQuery(query="SELECT id FROM persons WHERE properties.plan = 'free'"),
    "a file": lambda people: ByDistinctIds([person.distinct_ids[0] for person in people]),
}


@pytest.mark.parametrize("case", SELECTIONS)
async def test_protected_persons_are_left_out_counted_and_named_by_line(
    server: LocalPostHog, client: PostHogClient, tmp_path: Path, case: str
) -> None:
    people = free(server)
    mailed = with_email(people)
    staff = tmp_path / "staff.txt"
    staff.write_text(f"{people[0].distinct_ids[0]}\n\nnobody\n{people[1].uuid}\n{mailed.properties['email']}\n")
    selection = SELECTIONS[case](people)
    path = tmp_path / "x.plan.jsonl"
    with await make_plan(client, DeletePersons(), selection, path, protect=[staff]) as plan:
        left_out = {person.uuid for person in (people[0], people[1], mailed)}
        assert uuids(plan) == {person.uuid for person in people} - left_out
        place = [people.index(person) + 1 for person in (people[0], people[1], mailed)]
        lines = {"count": 3, "lines": f"1-2,{place[2]}"} if case == "a file" else {"count": 0, "lines": ""}
        assert by_kind(plan.findings)["protected"] == {
            "count": 3,
            "lines": "1,4-5",
            "read": 4,
            "unmatched": {"count": 1, "lines": "3"},
            "input": lines,
        }
        coverage = coverage_of(by_kind(plan.findings))
        assert coverage.not_covered == coverage.protected == lines["count"]


@pytest.mark.parametrize("key", ["email", "Email", "$email"])
async def test_an_email_protects_in_upper_or_lower_case_and_under_each_usual_key(
    server: LocalPostHog, client: PostHogClient, tmp_path: Path, key: str
) -> None:
    people = free(server)
    server.world.set_properties(people[7].uuid, {key: "Ann.Staff@Example.com"})
    staff = tmp_path / "staff.txt"
    staff.write_text("nobody@example.com\nann.staff@example.COM\n")
    with await make_plan(client, DeletePersons(), FREE, tmp_path / "x.plan.jsonl", protect=[staff]) as plan:
        assert people[7].uuid not in uuids(plan)
        assert by_kind(plan.findings)["protected"]["lines"] == "2"


async def test_a_filter_protects_too(server: LocalPostHog, client: PostHogClient, tmp_path: Path) -> None:
    germans = {person.uuid for person in free(server) if person.properties["country"] == "DE"}
    assert germans
    path = tmp_path / "x.plan.jsonl"
    protect = [PropertyFilter("country", "DE")]
    with await make_plan(client, DeletePersons(), FREE, path, protect=protect) as plan:
        assert uuids(plan) == {person.uuid for person in free(server)} - germans
        assert by_kind(plan.findings)["protected"]["count"] == len(germans)


async def test_a_person_that_a_filter_protects_too_is_named_by_its_line(
    server: LocalPostHog, client: PostHogClient, tmp_path: Path
) -> None:
    staff = tmp_path / "staff.txt"
    german = next(person for person in free(server) if person.properties["country"] == "DE")
    staff.write_text(f"nobody\n{german.distinct_ids[0]}\n")
    protect = [staff, PropertyFilter("country", "DE")]
    with await make_plan(client, DeletePersons(), FREE, tmp_path / "x.plan.jsonl", protect=protect) as plan:
        assert by_kind(plan.findings)["protected"]["lines"] == "2"


async def test_an_old_plan_with_a_protected_person_does_not_run(
    server: LocalPostHog, client: PostHogClient, tmp_path: Path
) -> None:
    path, journal, staff = tmp_path / "x.plan.jsonl", tmp_path / "x.journal.jsonl", tmp_path / "staff.txt"
    with await make_plan(client, DeletePersons(), FREE, path) as plan:
        person = free(server)[2]
        staff.write_text(f"nobody\n{person.distinct_ids[0]}\n")
        number = next(target.number for target in plan.iter() if target.uuid == person.uuid)
        sentence = rf"contains 1 person \(line 2 of the protection list\) .*: number {number}; make a new plan"
        with pytest.raises(Refused, match=sentence):
            await run_job(client, plan, journal, approve=plan.digest, protect=[staff])
        assert not MUTATING & set(server.request_counts)
        assert not left_behind(journal)
        staff.write_text("nobody\n")
        assert (await run_job(client, plan, journal, approve=plan.digest, protect=[staff])).exit_code == 0
        assert server.world.person(person.uuid) is None


async def test_a_line_that_protects_several_persons_is_named_once(
    server: LocalPostHog, client: PostHogClient, tmp_path: Path
) -> None:
    path, staff = tmp_path / "x.plan.jsonl", tmp_path / "staff.txt"
    people = free(server)
    for person in people[:2]:
        server.world.set_properties(person.uuid, {"email": "shared@example.org"})
    with await make_plan(client, DeletePersons(), FREE, path) as plan:
        staff.write_text("shared@example.org\n")
        sentence = r"contains 2 persons \(line 1 of the protection list\)"
        with pytest.raises(Refused, match=sentence):
            await run_job(client, plan, tmp_path / "x.journal.jsonl", approve=plan.digest, protect=[staff])
    with await make_plan(client, DeletePersons(), FREE, tmp_path / "y.plan.jsonl", protect=[staff]) as plan:
        found = by_kind(plan.findings)["protected"]
        assert (found["count"], found["lines"]) == (2, "1")


async def test_if_all_are_protected_there_is_no_plan(
    server: LocalPostHog, client: PostHogClient, tmp_path: Path
) -> None:
    with pytest.raises(Refused, match="every selected person is protected"):
        await make_plan(client, DeletePersons(), FREE, tmp_path / "x.plan.jsonl", protect=FREE.properties)
    assert not left_behind(tmp_path / "x.plan.jsonl")


async def test_a_list_that_cannot_be_read_completely_protects_nobody_and_ends_the_planning(
    server: LocalPostHog, client: PostHogClient, tmp_path: Path
) -> None:
    path, staff = tmp_path / "x.plan.jsonl", tmp_path / "staff.txt"
    staff.write_bytes(b"user-1\n\xff\n")
    with pytest.raises(InputError, match="line 2 of the protection list cannot be used"):
        await make_plan(client, DeletePersons(), FREE, path, protect=[staff])
    staff.write_text("user-1\n")
    server.faults.add(Fault("status", action="batch_by_distinct_ids", status=500))
    with pytest.raises((NotFinished, ServerError)):
        await make_plan(client, DeletePersons(), FREE, path, protect=[staff], retry_for_s=0)
    with pytest.raises(FileTrouble, match="no such file"):
        await make_plan(client, DeletePersons(), FREE, path, protect=[tmp_path / "none.txt"])
    assert not left_behind(path)


@pytest.mark.parametrize(
    ("protect", "says"),
    [
        ("staff.txt", "takes a list"),
        (PropertyFilter("plan", "free"), "takes a list"),
        ([{"key": "plan"}], "neither"),
        (["a", "b"], "one file"),
        ([PropertyFilter("is_identified", "true")], "--identified or --anonymous"),
    ],
)
async def test_an_invalid_protection_is_refused_without_a_request(
    server: LocalPostHog, client: PostHogClient, tmp_path: Path, protect: Any, says: str
) -> None:
    with pytest.raises(InputError, match=says):
        await make_plan(client, DeletePersons(), FREE, tmp_path / "x.plan.jsonl", protect=protect)
    assert not server.requests


def left_behind(path: Path) -> bool:
    return path.exists()


async def test_no_line_that_names_a_protected_person_counts_as_covered(
    server: LocalPostHog, client: PostHogClient, tmp_path: Path
) -> None:
    server.world.add_person(["held", "held-alias"], {})
    (tmp_path / "held").write_text("held\n")
    selection = ByDistinctIds(["user-1", "held", "held-alias", "held"])
    plan = await make_plan(client, DeletePersons(), selection, tmp_path / "x.plan.jsonl", protect=[tmp_path / "held"])
    with plan:
        found = by_kind(plan.findings)
    assert (found["protected"]["count"], found["protected"]["input"]["lines"]) == (1, "2-3")
    assert (found["aliases"]["count"], found["duplicates"]["not_covered"]["lines"]) == (0, "4")
    assert coverage_of(found).sentence() == (
        "3 of 4 input lines are not covered (2 protected, 1 repeated from such a line)"
    )


async def test_a_line_of_a_selected_and_a_protected_person_has_an_outcome(
    server: LocalPostHog, client: PostHogClient, tmp_path: Path
) -> None:
    server.world.add_person(distinct_ids=["b@x.org"], properties={"email": "a@x.org"})
    server.world.add_person(distinct_ids=["staff"], properties={"email": "b@x.org"})
    staff = tmp_path / "staff.txt"
    staff.write_text("staff\n")
    selection = ByEmails(["a@x.org", "b@x.org"], keys=("email", "distinct_id"))
    with await make_plan(client, DeletePersons(), selection, tmp_path / "x.plan.jsonl", protect=[staff]) as plan:
        assert [(target.distinct_id, target.line) for target in plan.iter()] == [("b@x.org", 1)]
        found = by_kind(plan.findings)
        assert found["aliases"] == {"count": 1, "lines": "2", "first_lines": [[2, 1]]}
        assert coverage_of(found).not_covered == 0


@pytest.mark.parametrize(
    "line",
    [
        "held ",
        "  held",
        '"held"',
        "'held'",
        '" held "',
        "held\u00a0",
        "\u200bheld",
        "held,Ann",
        "Ann;held",
        '"Ann","held"',
        "Ann\u00e9, \u201cheld\u201d",
        '"UUID"',
        " UUID ",
        "Ann,UUID",
        '"ann.held@Example.com"',
        " ann.held@example.com",
        "Ann Held <Ann.Held@example.com>",
        "ann.held@example.com;Ann",
    ],
)
async def test_a_line_protects_whatever_is_around_the_id(
    server: LocalPostHog, client: PostHogClient, tmp_path: Path, line: str
) -> None:
    person = server.world.add_person(["held"], {"email": "Ann.Held@Example.com"})
    staff = tmp_path / "staff.txt"
    staff.write_text(f"user-2\n{line.replace('UUID', str(person))}\n")
    selection = ByDistinctIds(["user-1", "held"])
    with await make_plan(client, DeletePersons(), selection, tmp_path / "x.plan.jsonl", protect=[staff]) as plan:
        assert person not in uuids(plan)
        assert len(uuids(plan)) == 1
        found = by_kind(plan.findings)["protected"]
        assert (found["lines"], found["read"], found["unmatched"]["count"]) == ("2", 2, 0)


@pytest.mark.parametrize("distinct_ids", [[], ["of-before"], ["held"]])
@pytest.mark.parametrize("as_csv", [False, True])
async def test_an_export_protects_by_uuid_whatever_distinct_ids_it_holds(
    server: LocalPostHog, client: PostHogClient, tmp_path: Path, distinct_ids: list[str], as_csv: bool
) -> None:
    person = server.world.add_person(["held"], {})
    row = {"uuid": str(person), "distinct_ids": distinct_ids, "properties": {}}
    staff = tmp_path / "staff"
    quoted = json.dumps(distinct_ids).replace('"', '""')
    staff.write_text(f'uuid,distinct_ids,properties\n{person},"{quoted}",{{}}\n' if as_csv else f"{json.dumps(row)}\n")
    selection = ByDistinctIds(["user-1", "held"])
    with await make_plan(client, DeletePersons(), selection, tmp_path / "x.plan.jsonl", protect=[staff]) as plan:
        assert person not in uuids(plan)
        found = by_kind(plan.findings)["protected"]
        line = "2" if as_csv else "1"
        assert (found["lines"], found["read"], found["unmatched"]["count"]) == (line, 1, 0)


async def test_lines_that_mean_the_same_person_are_all_matched(
    server: LocalPostHog, client: PostHogClient, tmp_path: Path
) -> None:
    staff = tmp_path / "staff.txt"
    staff.write_text('user-2\n"user-2"\n user-2\nnobody\nnobody\n')
    selection = ByDistinctIds(["user-1", "user-2"])
    with await make_plan(client, DeletePersons(), selection, tmp_path / "x.plan.jsonl", protect=[staff]) as plan:
        found = by_kind(plan.findings)["protected"]
        assert (found["lines"], found["read"], found["unmatched"]) == ("1", 5, {"count": 2, "lines": "4-5"})


async def test_a_list_of_blank_lines_ends_the_planning(client: PostHogClient, tmp_path: Path) -> None:
    staff = tmp_path / "staff.txt"
    staff.write_text("\n \n")
    with pytest.raises(InputError, match="has only blank lines"):
        await make_plan(client, DeletePersons(), FREE, tmp_path / "x.plan.jsonl", protect=[staff])
    assert not left_behind(tmp_path / "x.plan.jsonl")
