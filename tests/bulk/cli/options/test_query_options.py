"""The options that select by fields, activity and query: what they select, and what is refused without a request."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from asyncclient.testing import Fault
from bulk.plan.plan_file import load_plan

Run = Callable[..., Any]


@pytest.fixture
def posthog(serve: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> Any:
    served = serve(200, seeded_events=True)
    for name, value in served.env.items():
        monkeypatch.setenv(name, value)
    return served


def count(posthog: Any, test: Callable[[Any], bool]) -> int:
    world = posthog.server.world
    return sum(test(world.person(uuid)) for uuid in world.iter_uuids())


@pytest.mark.quick_cases(2)
@pytest.mark.parametrize(
    ("options", "test"),
    [
        (("--anonymous",), lambda p: not p.is_identified),
        (("--identified", "--where", "plan exact free"), lambda p: p.is_identified and p.properties["plan"] == "free"),
        (
            ("--created-before", "2024-01-01T01:00:00Z", "--email", "user3@example.com"),
            lambda p: p.properties.get("email") == "user3@example.com",
        ),
        (("--hogql", "SELECT id FROM persons WHERE is_identified", "--anonymous"), lambda p: False),
        (("--hogql", "q.sql"), lambda p: p.properties["plan"] == "pro"),
        (("--hogql", "my query.sql"), lambda p: p.properties["plan"] == "pro"),
    ],
)
def test_persons_and_plan_select_the_same(
    run: Run, posthog: Any, options: tuple[str, ...], test: Callable[[Any], bool]
) -> None:
    for name in ("q.sql", "my query.sql"):
        Path(name).write_text("\ufeff-- pro\nSELECT id FROM persons WHERE properties.plan = 'pro';\n")
    expected = count(posthog, test)
    listed = run("persons", *options)
    assert (listed.code, len(listed.out.splitlines())) == (0, expected), listed.err
    planned = run("plan", "delete", *options, "-o", "x.plan.jsonl")
    if not expected:
        assert planned.code == 3
        assert "no person matches the selection" in planned.sentence
        return
    assert planned.code == 0, planned.err
    assert f"Persons {expected}" in [" ".join(line.split()) for line in planned.out.splitlines()]
    assert ("\nQuery             " in planned.out) == ("--hogql" in options)
    assert "posthog_bulk" not in planned.out
    assert "The query describes the project as of 20" in planned.out
    assert "Not covered: persons, properties and events of the last minutes" in planned.out


REFUSED: dict[tuple[str, ...], str] = {
    ("--identified", "--anonymous"): "--identified and --anonymous exclude each other",
    ("--created-before", "yesterday"): "--created-before is not a date: write it as 2026-01-31",
    ("--created-after", "2026-13-01"): "--created-after is not a date",
    ("--created-after", "2026-01-02", "--created-before", "2026-01-01"): "must be later than",
    ("--inactive-since", "90"): "--inactive-since is neither a date nor a number of days from 1d: write 90d",
    ("--inactive-since", "0d"): "--inactive-since is neither",
    ("--hogql", "DELETE FROM persons"): "the query is not a SELECT",
    ("--hogql", " "): "the query is empty",
    ("--hogql", "latin1.sql"): "latin1.sql is not UTF-8",
    ("--anonymous", "--distinct-ids", "ids.txt"): "cannot be combined",
    ("--anonymous", "--allow-shared-ids"): "--allow-shared-ids only works with --distinct-ids, --requests and --hogql",
}


@pytest.mark.parametrize("options", REFUSED)
@pytest.mark.parametrize("command", [("delete", "--yes", "--expect-count", "1"), ("persons",)])
def test_invalid_options_are_refused_without_a_request(
    run: Run, posthog: Any, command: tuple[str, ...], options: tuple[str, ...]
) -> None:
    Path("latin1.sql").write_bytes(b"SELECT '\xe9'")
    result = run(*command, *options)
    assert (result.code, result.out) == (2, "")
    assert REFUSED[options] in result.sentence
    assert not posthog.server.requests


def test_a_file_that_does_not_exist_is_not_taken_for_a_query(run: Run, posthog: Any) -> None:
    result = run("delete", "--hogql", "q.sql", "--yes", "--expect-count", "1")
    assert result.code == 74
    assert "q.sql is neither a file nor a query" in result.sentence
    assert not posthog.server.requests


def test_a_key_without_query_read_is_told_so(run: Run, posthog: Any) -> None:
    posthog.server.reconfigure(scopes=("person:write", "project:read"))
    result = run("delete", "--anonymous", "--yes", "--expect-count", "1")
    assert result.code == 77
    assert "--anonymous, --inactive-since and --hogql select persons by a query" in result.sentence
    assert result.sentence.endswith(
        "by a query, for which the key needs the scope query:read; add the missing scope to the key in PostHog, then "
        "run the same command again"
    )
    assert not posthog.mutations


@pytest.mark.parametrize("command", [("delete", "--yes", "--expect-count", "1"), ("persons",)])
def test_a_query_that_the_server_rejects_is_named_as_the_cause(
    run: Run, posthog: Any, command: tuple[str, ...]
) -> None:
    result = run(*command, "--hogql", "SELECT id FROM people")
    assert result.code == 2
    assert result.sentence.startswith("posthog-bulk: the server does not accept the query (--hogql): ")
    assert "people" in result.sentence
    assert result.sentence.endswith("; correct the query, which you can try in PostHog's SQL editor")
    assert not posthog.mutations


def test_a_rejected_query_of_the_product_is_not_blamed_on_the_user(run: Run, posthog: Any) -> None:
    posthog.server.faults.add(Fault("status", status=400, action="query"))
    result = run("persons", "--anonymous")
    assert result.code == 2
    assert "--hogql" not in result.sentence


def test_a_page_of_a_query_that_the_server_rejects_is_one_of_the_query(run: Run, posthog: Any) -> None:
    posthog.server.faults.add(Fault("status", status=400, action="query", after=1))
    result = run("persons", "--hogql", "SELECT id FROM persons")
    assert result.code == 2
    assert "the server does not accept the query (--hogql)" in result.sentence


def test_the_same_command_line_resumes_a_job_of_an_activity(run: Run, posthog: Any) -> None:
    expected = count(posthog, lambda p: not p.is_identified)
    line = ("delete", "--anonymous", "--inactive-since", "1d", "--yes", "--expect-count")
    refused = run(*line, "0")
    assert refused.code == 3
    persons = int(refused.sentence.split("has ")[1].split()[0]) if "has " in refused.sentence else expected
    assert run(*line, str(persons)).code == 0
    again = run(*line, str(persons))
    assert again.code == 3
    assert "this job finished" in again.sentence


@pytest.mark.slow
def test_a_killed_plan_leaves_nothing_and_the_repeated_one_has_the_persons_of_the_records(
    run: Run, serve: Callable[..., Any], spawn: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    served = serve(3000, seeded_events=True, latency_s=0.05)
    for name, value in served.env.items():
        monkeypatch.setenv(name, value)
    line = ("plan", "delete", "--inactive-since", "730d", "--anonymous", "-o", "x.plan.jsonl")
    process = spawn(*line)
    served.until(lambda: served.server.request_counts.get("query", 0) > 0)
    process.kill()
    process.communicate()
    assert [path.name for path in Path().iterdir() if "x.plan" in path.name] == []
    midnight = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    assert run(*line).code == 0
    world, since = served.server.world, midnight - timedelta(days=730)
    expected = {
        uuid
        for uuid in world.iter_uuids()
        if not world.person(uuid).is_identified and not any(event.timestamp >= since for event in world.events(uuid))
    }
    with load_plan(Path("x.plan.jsonl")) as plan:
        assert {target.uuid for target in plan.iter()} == expected
        assert 0 < plan.count < 3000
