"""`persons --plan`: a copy of exactly the persons of a plan, recorded in the journal of its job."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from asyncclient.testing import Fault

Run = Callable[..., Any]
COPY = ("persons", "--plan", "x.plan.jsonl", "-o", "copy.jsonl")


@pytest.fixture
def digest(run: Run, posthog: Any) -> str:
    """The digest of a plan for three persons; the second has 14 distinct IDs."""
    posthog.server.world.add_person([f"many-{number}" for number in range(14)], properties={"plan": "pro"})
    Path("ids").write_text("user-1\nmany-3\nuser-2\n")
    planned = run("plan", "delete", "--distinct-ids", "ids", "-o", "x.plan.jsonl")
    return str(planned.out.split("--approve ")[1].split()[0])


def copied(path: str = "copy.jsonl") -> list[dict[str, Any]]:
    return [json.loads(line) for line in Path(path).read_text().splitlines()]


def report() -> dict[str, Any]:
    return dict(json.loads(Path("report.json").read_text()))


def test_the_copy_has_the_persons_of_the_plan_with_all_their_distinct_ids(run: Run, posthog: Any, digest: str) -> None:
    before = len(posthog.server.requests)
    done = run(*COPY)
    assert (done.code, done.out) == (0, "")
    assert "3 persons written to copy.jsonl; recorded in x.journal.jsonl" in done.err
    world, persons = posthog.server.world, copied()
    assert [person["uuid"] for person in persons] == [str(world.uuid_of(i)) for i in ("user-1", "many-3", "user-2")]
    assert sorted(persons[1]["distinct_ids"]) == sorted(f"many-{number}" for number in range(14))
    assert persons[0]["properties"] == world.person(world.uuid_of("user-1")).properties
    assert posthog.mutations == []
    assert len(posthog.server.requests) - before <= 3
    assert Path("copy.jsonl").stat().st_mode & 0o777 == 0o600


def test_the_journal_records_it_before_any_run_and_the_job_runs_afterwards(run: Run, posthog: Any, digest: str) -> None:
    assert run(*COPY).code == 0
    journal = Path("x.journal.jsonl").read_text()
    assert '"type":"job_opened"' in journal.splitlines()[0]
    assert "many-3" not in journal
    status = run("status", "x.journal.jsonl")
    assert (status.code, "not started" in status.out) == (1, True)
    assert run("jobs").code == 0
    assert run("run", "x.plan.jsonl", "--approve", digest).code == 0
    assert posthog.server.world.count() == 58
    assert run("report", "x.journal.jsonl", "-o", "report.json").code == 0
    (first,) = report()["copies"]
    assert first["sha256"] == hashlib.sha256(Path("copy.jsonl").read_bytes()).hexdigest()
    assert (first["persons"], first["missing"], first["layout"]) == (3, 0, "jsonl")
    shown = run("report", "x.journal.jsonl", "--format", "md").out
    assert "Copy for handing out made" in shown
    assert first["sha256"] in "".join(shown.split())


def test_no_copy_is_made_of_persons_that_are_all_gone(run: Run, posthog: Any, digest: str) -> None:
    assert run("run", "x.plan.jsonl", "--approve", digest).code == 0
    journal = Path("x.journal.jsonl").read_bytes()
    refused = run(*COPY)
    assert refused.code == 3
    assert "all 3 persons of x.plan.jsonl are gone, so no copy was made" in refused.sentence
    assert "before the run" in refused.sentence
    assert not Path("copy.jsonl").exists()
    assert Path("x.journal.jsonl").read_bytes() == journal


def test_no_copy_is_made_if_no_person_can_be_read(run: Run, posthog: Any, digest: str) -> None:
    posthog.server.faults.add(Fault("status", status=500, action="batch_by_uuids"))
    posthog.server.faults.add(Fault("status", status=500, action="retrieve"))
    posthog.server.faults.add(Fault("status", status=500, action="list"))
    refused = run(*COPY, "--retry-for", "0")
    assert (refused.code, Path("copy.jsonl").exists(), Path("x.journal.jsonl").exists()) == (75, False, False)
    assert "3 persons could not be read (the server responded with 500 error), and no other" in refused.sentence


@pytest.mark.parametrize("recreated", [False, True])
def test_persons_that_are_gone_or_re_created_are_named_and_left_out(
    run: Run, posthog: Any, digest: str, recreated: bool
) -> None:
    world = posthog.server.world
    uuid = world.uuid_of("user-1")
    assert run("delete", "--distinct-ids", write("gone", "user-1"), "--yes", "--expect-count", "1").code == 0
    if recreated:
        world.recreate(uuid)
    done = run(*COPY, "--json")
    assert done.code == 0
    assert "1 person not in PostHog any more: 0 in the plan" in done.err
    assert [person["uuid"] for person in copied()] == [str(world.uuid_of(i)) for i in ("many-3", "user-2")]
    (line,) = [json.loads(line) for line in done.out.splitlines() if '"persons"' in line and '"path"' in line]
    assert line["findings"] == [{"kind": "missing", "count": 1, "targets": "0"}]


def test_persons_that_cannot_be_read_make_the_exit_code_1(run: Run, posthog: Any, digest: str) -> None:
    posthog.server.faults.add(Fault("status", status=500, action="retrieve"))
    done = run(*COPY, "--retry-for", "0")
    assert done.code == 1
    assert "1 person could not be read: run the same command again with --force: 1 in the plan" in done.err
    assert len(copied()) == 2
    posthog.server.faults.clear()
    assert run(*COPY, "--force").code == 0
    assert len(copied()) == 3


def test_the_copy_can_be_a_table(run: Run, posthog: Any, digest: str) -> None:
    assert run("persons", "--plan", "x.plan.jsonl", "--format", "csv", "-o", "copy.csv").code == 0
    header, *rows = Path("copy.csv").read_text().splitlines()
    assert header.startswith("uuid,created_at")
    assert len(rows) == 3
    assert "many-13" in rows[1]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--plan", "x.plan.jsonl"), "give -o FILE"),
        (("--plan", "x.plan.jsonl", "-o", "copy", "--count"), "neither --count"),
        (("--plan", "x.plan.jsonl", "-o", "copy", "--everyone"), "nor options that select persons"),
        (("--journal", "x.journal.jsonl"), "give --plan too"),
        (("--plan", "x.plan.jsonl", "-o", "x.plan.jsonl", "--force"), "would replace the input"),
    ],
)
def test_what_does_not_go_together_is_refused(
    run: Run, posthog: Any, digest: str, arguments: tuple[str, ...], sentence: str
) -> None:
    before = len(posthog.server.requests)
    refused = run("persons", *arguments)
    assert refused.code == 2
    assert sentence in refused.sentence
    assert len(posthog.server.requests) == before


def test_the_journal_of_another_plan_and_another_project_are_refused(run: Run, posthog: Any, digest: str) -> None:
    assert (
        run(
            "delete",
            "--distinct-ids",
            write("other", "user-7"),
            "--yes",
            "--expect-count",
            "1",
            "--plan",
            "y.plan.jsonl",
        ).code
        == 0
    )
    before = len(posthog.server.requests)
    refused = run(*COPY, "--journal", "y.journal.jsonl")
    assert refused.code == 3
    assert "is the journal of another job" in refused.sentence
    elsewhere = run(*COPY, "--project-id", "2")
    assert elsewhere.code == 3
    assert len(posthog.server.requests) == before
    assert not Path("copy.jsonl").exists()
    assert not Path("x.journal.jsonl").exists()


def write(name: str, text: str) -> str:
    Path(name).write_text(text + "\n")
    return name
