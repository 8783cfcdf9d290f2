"""The receipt of a request that a whole job answers, because the job was planned with its reference."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Run = Callable[..., Any]


def persons(posthog: Any) -> list[Any]:
    return [posthog.server.world.person(uuid) for uuid in posthog.server.world.iter_uuids()]


@pytest.mark.parametrize("selection", ["distinct_ids", "email"])
def test_the_receipt_of_the_request_that_a_whole_job_answers_is_about_all_its_persons(
    run: Run, posthog: Any, selection: str
) -> None:
    one, other, *_ = [person for person in persons(posthog) if "email" in person.properties]
    Path("ids").write_text(f"{one.distinct_ids[0]}\nnobody\n{other.distinct_ids[0]}\n")
    chosen = {"distinct_ids": ("--distinct-ids", "ids"), "email": ("--email", one.properties["email"])}[selection]
    count = 2 if selection == "distinct_ids" else 1
    options = ("--reference", "DSR-9", "--received", "2026-10-31", "--yes", "--expect-count", str(count))
    assert run("delete", *chosen, *options, "--plan", "x.plan.jsonl").code == 0
    result = run("report", "x.journal.jsonl", "--reference", "DSR-9", "--json")
    receipt = json.loads(result.out)
    everyone, *lines = receipt["answers"]
    assert (everyone["number"], everyone["lines"], everyone["due"]) == (0, [], "2026-11-30")
    assert (everyone["result"], [person["target"] for person in everyone["persons"]]) == ("done", [*range(count)])
    assert [(line["number"], line["result"]) for line in lines] == [(2, "not_found")] * (count - 1)
    assert result.code == count - 1  # a line without a person needs attention
    shown = " ".join(run("report", "x.journal.jsonl", "--reference", "DSR-9").out.split())
    assert "Receipt of request DSR-9" in shown
    several = "2 persons: done. No person had this ID when the job was planned."
    assert (several if count == 2 else "Person 0: done; read back at") in shown
    unknown = run("report", "x.journal.jsonl", "--reference", "DSR-8")
    assert (unknown.code, "did you mean DSR-9?" in unknown.out) == (1, True)


def test_a_reference_of_the_job_that_no_row_has_is_no_request(run: Run, posthog: Any) -> None:
    Path("r.csv").write_text(
        f"distinct_id,reference,received\n{persons(posthog)[0].distinct_ids[0]},DSR-1,2026-10-31\n"
    )
    options = ("--reference", "DSR-9", "--yes", "--expect-count", "1", "--plan", "x.plan.jsonl")
    assert run("delete", "--requests", "r.csv", *options).code == 0
    unknown = run("report", "x.journal.jsonl", "--reference", "DSR-9")
    assert unknown.code == 1
    assert "This job has no request with the reference DSR-9" in unknown.out
