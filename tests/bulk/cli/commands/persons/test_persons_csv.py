"""`persons --format csv`: all persons, also those that the CSV of the server leaves out, with the same columns."""

import csv
import io
import json
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from asyncclient.testing import Fault
from bulk.export.csv_rows import COLUMNS

Run = Callable[..., Any]


def rows(text: str) -> list[dict[str, str]]:
    reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    assert reader.fieldnames == list(COLUMNS)
    return list(reader)


def test_a_csv_export_has_every_person(run: Run, posthog: Any) -> None:
    result = run("persons", "--format", "csv")
    assert (result.code, result.err) == (0, "60 persons\n")
    world = posthog.server.world
    found = rows(result.out)
    assert {row["uuid"] for row in found} == {str(uuid) for uuid in world.iter_uuids()}
    for row in found:
        person = world.person(row["uuid"])
        assert json.loads(row["distinct_ids"]) == list(person.distinct_ids)
        assert json.loads(row["properties"]) == person.properties
        assert row["is_identified"] in ("true", "false")
    assert not posthog.mutations


def test_the_csv_export_of_the_server_is_never_requested(run: Run, posthog: Any) -> None:
    run("persons", "--format", "csv")
    assert all(name != "format" for request in posthog.server.requests for name, _ in request.query)


@pytest.mark.parametrize("option", ["--distinct-ids", "--uuids", "--emails", "--email", "--where"])
def test_a_person_has_the_same_columns_however_it_was_selected(run: Run, posthog: Any, option: str) -> None:
    world = posthog.server.world
    uuid = world.add_person(["a", "b"], {"email": "a@example.org", "name": "=1+1\u202e"})
    value = {"--distinct-ids": "a", "--uuids": str(uuid), "--where": "email exact a@example.org"}
    selected = value.get(option, "a@example.org")
    if option in ("--distinct-ids", "--uuids", "--emails"):
        Path("in").write_text(f"{selected}\n")
        selected = "in"
    (row,) = rows(run("persons", "--format", "csv", option, selected).out)
    by_listing = option in ("--email", "--where", "--emails")
    assert row == {
        "uuid": str(uuid),
        "created_at": row["created_at"],
        "is_identified": row["is_identified"] if by_listing else "",
        "name": row["name"],
        "distinct_ids": '["a","b"]',
        "properties": row["properties"],
    }
    assert row["created_at"].endswith("Z")
    assert json.loads(row["properties"]) == {"email": "a@example.org", "name": "=1+1\u202e"}
    assert "\u202e" not in row["properties"]


def test_a_csv_without_persons_is_a_header_alone(run: Run, posthog: Any) -> None:
    result = run("persons", "--format", "csv", "--email", "nobody@example.org")
    assert (result.code, rows(result.out), result.err) == (0, [], "0 persons\n")


def test_a_name_cannot_be_a_formula(run: Run, posthog: Any) -> None:
    posthog.server.world.add_person(["=HYPERLINK(1)"], {})
    Path("in").write_text("=HYPERLINK(1)\n")
    (row,) = rows(run("persons", "--format", "csv", "--distinct-ids", "in").out)
    assert row["name"] == "'=HYPERLINK(1)"


@pytest.mark.slow
def test_a_file_is_private_and_whole_or_not_there(
    run: Run, serve: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    served = serve(1500)
    for name, value in served.env.items():
        monkeypatch.setenv(name, value)
    assert run("persons", "--format", "csv", "-o", "people.csv").code == 0
    assert stat.S_IMODE(Path("people.csv").stat().st_mode) == 0o600
    assert len(rows(Path("people.csv").read_bytes().decode())) == 1500
    assert run("persons", "--format", "csv", "-o", "people.csv").code == 74
    served.server.faults.add(Fault("status", status=400, action="list", after=1))
    assert run("persons", "--format", "csv", "-o", "cut.csv").code == 2
    assert not Path("cut.csv").exists()
