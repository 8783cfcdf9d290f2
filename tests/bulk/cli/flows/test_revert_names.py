"""What revert says of the persons that it leaves as they are, and of a before-image that lacks some."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Run = Callable[..., Any]


@pytest.fixture
def changed(run: Run, posthog: Any) -> None:
    """A job that changed six persons and kept what they had; others changed, deleted and merged three of them."""
    Path("ids").write_text("".join(f"user-{number}\n" for number in range(6)))
    done = run(
        *("update", "plan=vip", "new:=1", "--distinct-ids", "ids", "--keep-before", "before"),
        *("--plan", "job.plan.jsonl", "--yes", "--expect-count", 6),
    )
    assert done.code == 0, done.err
    world = posthog.server.world
    world.set_properties(world.uuid_of("user-1"), {"plan": "mine"})
    world.remove_person(world.uuid_of("user-2"))
    world.merge(world.uuid_of("user-20"), world.uuid_of("user-3"))
    posthog.server.requests.clear()


@pytest.mark.usefixtures("changed")
def test_the_review_and_the_counts_name_each_group(run: Run, posthog: Any) -> None:
    planned = run("revert", "before", "-o", "back.plan.jsonl")
    assert planned.code == 0, planned.err
    rows = {line.rsplit(maxsplit=2)[0].strip(): line.split()[-2:] for line in planned.out.splitlines() if line.strip()}
    assert rows["Persons that were deleted or merged (numbers in the plan of the reverted job)"] == ["2", "2-3"]
    assert "set or remove the properties plan and new of persons (values per person)" in planned.out
    assert run("run", "back.plan.jsonl", "--approve", planned.out.rpartition("--approve ")[2].split()[0]).code == 0
    report = run("report", "back.journal.jsonl").out
    counts = report.partition("Counts\n")[2].partition("Timeline")[0].splitlines()
    steps = [" ".join(line.split()) for line in counts if line.split() and line.split()[0] in "+-="]
    assert steps[:4] == [
        "+ Persons of the before-image 6",
        "- Persons that others changed 1",
        "- Persons that were deleted or merged 2",
        "= Persons in the plan 3",
    ]


@pytest.mark.usefixtures("changed")
def test_a_revert_of_no_person_names_them_all_the_same(run: Run, posthog: Any) -> None:
    world = posthog.server.world
    for number in (0, 4, 5):
        world.set_properties(world.uuid_of(f"user-{number}"), {"new": 7})
    refused = run("revert", "before", "-o", "back.plan.jsonl")
    assert refused.code == 3
    assert refused.sentence == (
        "posthog-bulk: no person of before can be reverted: 4 were changed by others since (0-1,4-5), 2 are gone "
        "(2-3); the numbers are those of the job's plan: posthog-bulk show PLAN --target 0-1,4-5."
    )
    assert not Path("back.plan.jsonl").exists()


@pytest.mark.usefixtures("changed")
def test_persons_without_an_entry_are_named(run: Run, posthog: Any) -> None:
    """A copy that breaks off looks like a job that changed fewer persons: the review says which it does not have."""
    lines = Path("before").read_bytes().splitlines(keepends=True)
    Path("cut").write_bytes(b"".join(lines[:-1]))
    planned = run("revert", "cut", "-o", "back.plan.jsonl")
    assert planned.code == 0, planned.err
    row = next(line for line in planned.out.splitlines() if "without an entry" in line)
    assert row.split()[-2:] == ["1", "5"]
    assert "Persons of the job without an entry: it did not change them, or the file is cut off" in " ".join(
        planned.out.split()
    )
    finding = next(one for one in shown(run)["findings"] if one["kind"] == "revert")
    assert finding["without_entry"] == {"count": 1, "targets": "5"}
    whole = run("revert", "before", "-o", "whole.plan.jsonl")
    assert "without an entry" not in whole.out


def shown(run: Run) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(run("show", "back.plan.jsonl", "--json").out)
    return found


def test_a_file_that_ends_in_its_first_line_is_cut_off(run: Run, posthog: Any) -> None:
    for text, words in ((b"", "is empty"), (b'{"n":0,"type":"before_image"', "is cut off in its first line")):
        Path("before").write_bytes(text)
        refused = run("revert", "before", "-o", "back.plan.jsonl")
        assert (refused.code, posthog.server.requests) == (74, [])
        assert f"before {words}" in refused.sentence


def test_a_before_image_is_not_put_where_the_receipts_of_the_plan_go(run: Run, posthog: Any) -> None:
    Path("ids").write_text("user-1\n")
    refused = run("plan", "update", "a=1", "--distinct-ids", "ids", "--keep-before", "x.receipts", "-o", "x.plan.jsonl")
    assert (refused.code, posthog.server.requests) == (74, [])
    assert "x.receipts is for the receipts of the plan; give --keep-before another file" in refused.sentence
