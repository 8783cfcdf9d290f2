"""`persons` when pages take too long, persons cannot be read, or the export breaks off."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from changed_responses import limit_rows, rewrite

from asyncclient.testing import Fault

Run = Callable[..., Any]


def fail_for(posthog: Any, uuid: object) -> None:
    """Let every response that has the person be a 500."""
    rewrite(posthog.server, lambda _, body: {} if str(uuid) in json.dumps(body) else None, status=500)


def break_row(posthog: Any, uuid: object) -> None:
    """Let the person's row have no creation time."""

    def broken(action: str, body: dict[str, Any]) -> dict[str, Any] | None:
        if action != "list":
            return None
        for row in body["results"]:
            if row["uuid"] == str(uuid):
                row["created_at"] = None
        return body

    rewrite(posthog.server, broken)


def test_a_line_whose_person_cannot_be_read_is_named_and_the_others_are_exported(run: Run, posthog: Any) -> None:
    uuids = list(posthog.server.world.iter_uuids())
    Path("in").write_text("".join(f"{uuid}\n" for uuid in uuids))
    fail_for(posthog, uuids[6])
    result = run("persons", "--uuids", "in")
    assert result.code == 1
    assert len(result.out.splitlines()) == 59
    assert "Lines whose person could not be read" in result.err
    row = next(line for line in result.err.splitlines() if "could not be read" in line)
    assert row.split()[-2:] == ["1", "7"]
    assert str(uuids[6]) not in result.err


@pytest.mark.parametrize("layout", ["jsonl", "csv"])
def test_an_unreadable_row_is_named_by_its_place_and_the_others_are_exported(
    run: Run, posthog: Any, layout: str
) -> None:
    uuids = [json.loads(line)["uuid"] for line in run("persons").out.splitlines()]
    break_row(posthog, uuids[8])
    result = run("persons", "--format", layout)
    assert result.code == 1
    assert len(result.out.splitlines()) == 59 + (layout == "csv")
    row = next(line for line in result.err.splitlines() if "Rows of the listing that could not be read" in line)
    assert row.split()[-2:] == ["1", "9"]
    assert uuids[8] not in result.err


def test_an_export_of_which_nothing_can_be_read_creates_no_file(run: Run, posthog: Any) -> None:
    uuid = next(posthog.server.world.iter_uuids())
    Path("in").write_text(f"{uuid}\n")
    fail_for(posthog, uuid)
    result = run("persons", "--uuids", "in", "-o", "out")
    assert (result.code, Path("out").exists()) == (75, False)
    why = "1 selected person could not be read (the server responded with 500)"
    assert result.sentence.startswith(f"posthog-bulk: export interrupted: {why}, and no other person matches")


def test_a_listing_whose_pages_take_too_long_is_exported_completely(
    run: Run, serve: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    served = serve(400)
    for name, value in served.env.items():
        monkeypatch.setenv(name, value)
    limit_rows(served.server, 100)
    result = run("persons")
    assert (result.code, result.err) == (0, "400 persons\n")
    assert len({json.loads(line)["uuid"] for line in result.out.splitlines()}) == 400


@pytest.mark.parametrize("layout", ["jsonl", "csv"])
def test_an_export_to_stdout_that_breaks_off_says_so_and_after_how_many_persons(
    run: Run, serve: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, layout: str
) -> None:
    served = serve(1500)
    for name, value in served.env.items():
        monkeypatch.setenv(name, value)
    served.server.faults.add(Fault("status", status=500, action="list", after=1))
    result = run("persons", "--format", layout, "--retry-for", "0")
    assert result.code == 75
    assert len(result.out.splitlines()) == 1000 + (layout == "csv")
    assert "The export is incomplete: it broke off after 1,000 persons." in result.err.splitlines()
    assert result.sentence.startswith("posthog-bulk: GET persons/: 500")


def test_an_export_that_ends_before_its_first_person_does_not_speak_of_a_part(run: Run, posthog: Any) -> None:
    posthog.server.faults.add(Fault("status", status=400, action="list"))
    result = run("persons")
    assert result.code == 2
    assert "incomplete" not in result.err


@pytest.mark.slow
def test_an_export_to_a_file_that_breaks_off_leaves_none_and_speaks_of_no_part(run: Run, posthog: Any) -> None:
    posthog.server.faults.add(Fault("status", status=400, action="list", after=1))
    Path("in").write_text("".join(f"user{n}@example.com\n" for n in range(60)))
    result = run("persons", "--emails", "in", "-o", "out")
    assert (result.code, Path("out").exists()) == (2, False)
    assert "incomplete" not in result.err
