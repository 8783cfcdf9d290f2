"""How emails are compared: which persons a file of emails selects, and what only a wider match would find."""

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asyncclient import PostHogClient
from asyncclient.testing import LocalPostHog
from bulk import ByDistinctIds, ByEmails, DeletePersons, make_plan
from bulk.errors import InputError, Refused
from bulk.report.rendering import findings
from bulk.selection import input_findings, line_resolver
from bulk.selection.input_findings import by_kind
from bulk.selection.lookups.email_match import USUAL_KEYS, EmailMatch

PEOPLE: list[tuple[str, dict[str, Any]]] = [
    ("p0", {"email": "ann@example.com"}),
    ("p1", {"email": "Ann@Example.com"}),
    ("p2", {"Email": "bob@example.com"}),
    ("p3", {"$email": "bob@example.com"}),
    ("cleo@example.com", {}),
    ("p5", {"email": "anna@example.com"}),
    ("p6", {"email": "a.n@example.com"}),
    ("p7", {"email": "axn@example.com"}),
]
LINES = ["ann@example.com", "bob@example.com", "cleo@example.com", "A.N@example.com", "no@example.com"]


@pytest.fixture(autouse=True)
def no_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bulk.posthog.person_reader.CONFIRM_AFTER_S", 0.0)


@pytest.fixture
async def server() -> AsyncIterator[LocalPostHog]:
    async with LocalPostHog(persons=0) as server:
        for distinct_id, properties in PEOPLE:
            server.world.add_person([distinct_id], properties)
        yield server


@pytest.fixture
async def client(server: LocalPostHog) -> AsyncIterator[PostHogClient]:
    async with PostHogClient(
        host=server.url, project_id=server.project_id, personal_api_key=server.personal_api_key
    ) as client:
        yield client


@pytest.mark.parametrize(
    ("options", "selected", "wider"),
    [
        ({}, ["p0"], ("2-4", 4)),
        ({"match": "ignore-case"}, ["p0", "p1", "p6"], ("2-3", 3)),
        ({"keys": ["email", "Email"]}, ["p0", "p2"], ("3-4", 2)),
        ({"keys": USUAL_KEYS}, ["p0", "p2", "p3", "cleo@example.com"], ("4", 1)),
        ({"match": "ignore-case", "keys": USUAL_KEYS}, ["p0", "p1", "p2", "p3", "cleo@example.com", "p6"], ("", 0)),
    ],
)
async def test_emails_select_what_their_options_say_and_the_rest_is_counted(
    client: PostHogClient, tmp_path: Path, options: dict[str, Any], selected: list[str], wider: tuple[str, int]
) -> None:
    with await make_plan(client, DeletePersons(), ByEmails(LINES, **options), tmp_path / "x.plan.jsonl") as plan:
        assert sorted(str(target.distinct_id) for target in plan.iter()) == sorted(selected)
        found = by_kind(plan.findings)["wider_match"]
    assert (found["lines"], found["persons"]) == wider


async def test_a_line_that_matches_several_persons_is_shown_with_its_targets(
    client: PostHogClient, tmp_path: Path
) -> None:
    selection = ByEmails(
        ["cleo@example.com", "bob@example.com", "ANN@example.com"], match="ignore-case", keys=USUAL_KEYS
    )
    with await make_plan(client, DeletePersons(), selection, tmp_path / "x.plan.jsonl") as plan:
        found = by_kind(plan.findings)["several_persons"]
    assert found == {
        "count": 2,
        "shown": [{"line": 2, "persons": 2, "targets": "1-2"}, {"line": 3, "persons": 2, "targets": "3-4"}],
    }


async def test_distinct_ids_that_would_match_without_quotes_are_counted_and_not_selected(
    client: PostHogClient, tmp_path: Path
) -> None:
    selection = ByDistinctIds(["p0", '"p1"', " p2", "p\u200b3", '"nobody"'])
    with await make_plan(client, DeletePersons(), selection, tmp_path / "x.plan.jsonl") as plan:
        assert [target.distinct_id for target in plan.iter()] == ["p0"]
        found = by_kind(plan.findings)
    assert found["wider_match"] == {"count": 3, "lines": "2-4", "by": "cleaned", "checked": 4, "persons": 3}
    assert {cause: lines["lines"] for cause, lines in found["unmatched"]["causes"].items()} == {
        "wrapped in quotes": "2,5",
        "leading or trailing whitespace": "3",
        "invisible characters, or another Unicode form": "4",
    }


async def test_a_selection_without_any_person_names_the_causes(client: PostHogClient, tmp_path: Path) -> None:
    with pytest.raises(Refused) as caught:
        await make_plan(client, DeletePersons(), ByDistinctIds(["ann@example.com", '"p1"', "x"]), tmp_path / "p")
    assert str(caught.value) == (
        "no person matches any of the 3 input lines (line 1: looks like an email: for emails, use --emails; "
        "line 2: wrapped in quotes; line 2 would match without whitespace, quotes or invisible characters); "
        "check the input and the project."
    )


async def test_wider_matches_are_counted_for_a_limited_number_of_lines(
    client: PostHogClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bulk.selection.line_resolver.WIDER_MAX", 3)
    monkeypatch.setattr("bulk.selection.line_resolver.MAX_OPEN_LINES", 2)
    assert input_findings.WIDER_MAX == 5_000
    lines = ["p0", *(f'"p{number}"' for number in range(1, 7))]
    with await make_plan(client, DeletePersons(), ByDistinctIds(lines), tmp_path / "x.plan.jsonl") as plan:
        found = by_kind(plan.findings)
    assert found["unmatched"]["count"] == 6
    assert (found["wider_match"]["checked"], found["wider_match"]["count"]) == (3, 3)


@pytest.mark.parametrize(
    "options", [{"match": "fuzzy"}, {"keys": []}, {"keys": ["email", "email"]}, {"keys": [" "]}, {"keys": "email"}]
)
def test_options_that_cannot_be_used_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        ByEmails(["a@example.com"], **options)


@pytest.mark.parametrize("key", ["distinct_ids", "uuid", "created_at"])
def test_a_field_of_persons_is_no_property_that_holds_an_email(key: str) -> None:
    with pytest.raises(InputError, match=f"^{key} is a field of persons.*distinct_id for their distinct IDs$"):
        ByEmails(["a@example.com"], keys=["email", key])
    assert ByEmails(["a@example.com"], keys=["name", "distinct_id"]).comparison.uses_distinct_ids


@pytest.mark.slow
@given(st.lists(st.text(st.characters(codec="utf-8"), min_size=1), min_size=1, max_size=5))
def test_a_filter_that_ignores_case_finds_every_spelling_of_an_email(emails: list[str]) -> None:
    (condition,) = EmailMatch(comparison="ignore-case").conditions(emails)
    assert all(re.search(str(condition.value), email) for email in emails)
    index = EmailMatch(comparison="ignore-case").matching(emails)
    assert all(email in (index.matches(email) or ()) for email in emails)


async def test_a_letter_that_only_the_server_takes_for_the_same_is_a_line_without_a_person(
    client: PostHogClient, server: LocalPostHog, tmp_path: Path
) -> None:
    server.world.add_person(["p8"], {"email": "iris@example.com"})
    selection = ByEmails(["ann@example.com", "\u0131ris@example.com"], match="ignore-case")
    with await make_plan(client, DeletePersons(), selection, tmp_path / "x.plan.jsonl") as plan:
        assert {target.distinct_id for target in plan.iter()} == {"p0", "p1"}
        assert by_kind(plan.findings)["unmatched"]["lines"] == "2"


async def test_a_count_of_wider_matches_that_ended_early_is_a_lower_bound(
    client: PostHogClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (input_findings, line_resolver, findings):
        monkeypatch.setattr(module, "WIDER_MAX", 2)
    selection = ByEmails(["ann@example.com", "ANN@example.com", "BOB@example.com", "A.N@Example.com"])
    with await make_plan(client, DeletePersons(), selection, tmp_path / "x.plan.jsonl") as plan:
        sentences = list(findings.finding_sentences(by_kind(plan.findings)))
    assert sentences[0].startswith("Not selected: at least 2 lines that match no person would match at least 4 persons")
    assert sentences[1] == "This was counted for the first 2 lines that match no person."
