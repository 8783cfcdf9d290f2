"""--json: what every command writes to stdout is as the schema in the repository describes it."""

import json
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from asyncclient.testing import Fault
from bulk.cli import json_schema
from bulk.cli.main import COMMANDS

Run = Callable[..., Any]

SCHEMA = Path(json_schema.__file__).with_name("output.schema.json")
DELETE = ("delete", "--delete-events", "--everyone", "--yes", "--expect-count", "60", "--plan", "x.plan.jsonl")


def strict(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the schema without room for fields that it does not name, so that the tests notice them."""
    for definition in schema["$defs"].values():
        if "properties" in definition:
            definition["additionalProperties"] = False
    return schema


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    """The schema in the repository, without room for other fields."""
    return strict(json.loads(SCHEMA.read_text()))


@pytest.fixture
def lines(schema: dict[str, Any]) -> Callable[[str], list[dict[str, Any]]]:
    """Return the lines of an output, each checked against the schema."""
    validator = jsonschema.Draft202012Validator(schema)

    def check(out: str) -> list[dict[str, Any]]:
        parsed = [json.loads(line) for line in out.splitlines()]
        for line in parsed:
            validator.validate(line)
        return parsed

    return check


Lines = Callable[[str], list[dict[str, Any]]]


def kinds(found: list[dict[str, Any]]) -> set[str]:
    return {line["event"] for line in found}


@pytest.mark.slow
def test_the_schema_in_the_repository_is_made_from_the_structs() -> None:
    assert json.loads(SCHEMA.read_text()) == json.loads(json.dumps(json_schema.output_schema())), (
        "run: python -m bulk.cli.json_schema > bulk/cli/output.schema.json"
    )
    jsonschema.Draft202012Validator.check_schema(json_schema.output_schema())


def test_every_kind_of_line_says_what_it_is() -> None:
    definitions = json_schema.output_schema()["$defs"]
    assert [name for name, one in definitions.items() if not one.get("description")] == []


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_json(run: Run, name: str) -> None:
    assert "--json" in run(name, "--help").out


@pytest.mark.slow
def test_a_job_from_plan_to_report(run: Run, posthog: Any, lines: Lines, schema: dict[str, Any]) -> None:
    posthog.server.faults.add(Fault("status", action="bulk_delete", status=503, times=1))
    planned = run("plan", "delete", "--delete-events", "--everyone", "-o", "x.plan.jsonl", "--json")
    found = lines(planned.out)
    assert kinds(found) == {"planning", "plan"}
    plan = found[-1]
    (job,) = lines(run("jobs", "--json").out)
    assert (job["state"], job["plan"]) == ("not_started", "x.plan.jsonl")
    assert (plan["count"], plan["operation"]) == (60, "delete persons and their events")
    assert "To run this plan:" in planned.err
    ran = run("run", "x.plan.jsonl", "--approve", plan["digest"], "--json")
    found = lines(ran.out)
    assert {"plan", "started", "phase", "progress", "test_batch", "trouble", "ended", "report"} <= kinds(found)
    assert found[-1]["exit_code"] == ran.code == 0
    (job,) = lines(run("jobs", "--json").out)
    assert (job["event"], job["state"], job["done"]) == ("job", "finished", 60)
    (status,) = lines(run("status", "x.journal.jsonl", "--json").out)
    assert status["axes"]["person"] == {"deleted_confirmed": 60}
    posthog.server.run_event_deletion()
    assert lines(run("verify", "x.journal.jsonl", "--json").out)[-1]["exit_code"] == 0
    report = json.loads(run("report", "x.journal.jsonl", "--json").out)
    jsonschema.Draft202012Validator({**schema, "anyOf": [{"$ref": "#/$defs/Report"}]}).validate(report)
    (written,) = lines(run("report", "x.journal.jsonl", "-o", "x.md", "--json").out)
    assert (written["event"], written["path"]) == ("file", "x.md")


@pytest.mark.quick_cases(1)
@pytest.mark.parametrize(
    "command",
    [
        DELETE,
        ("unset", "email", "--distinct-ids", "ids", "--yes", "--expect-count", "2", "--route", "capture"),
        ("update", "seats:=3", "--everyone", "--yes", "--expect-count", "60"),
        ("delete-events", "--everyone", "--yes", "--expect-count", "60"),
        ("delete-recordings", "--everyone", "--yes", "--expect-count", "60"),
    ],
)
def test_each_operation_in_one_command(run: Run, posthog: Any, lines: Lines, command: tuple[str, ...]) -> None:
    Path("ids").write_text("user-1\nuser-2\n")
    result = run(*command, "--json")
    found = lines(result.out)
    assert result.code == found[-1]["exit_code"] == 0
    assert {"planning", "plan", "started", "ended", "report"} <= kinds(found)


def test_a_plan_its_persons_and_its_lines(run: Run, posthog: Any, lines: Lines) -> None:
    Path("ids").write_text("user-1\nuser-2\n nobody\n")
    planned = run("plan", "unset", "emial", "email", "--distinct-ids", "ids", "-o", "x.plan.jsonl", "--json")
    made = lines(planned.out)[-1]
    (shown,) = lines(run("show", "x.plan.jsonl", "--json").out)
    assert shown["event"] == "show"
    assert {shown["count"], made["count"]} == {2}
    assert all(shown[name] == made[name] for name in ("digest", "findings", "input", "path", "host", "project_id"))
    (properties,) = (one for one in made["findings"] if one["kind"] == "properties")
    assert properties["of"] == [
        {"key": "emial", "count": 0, "closest": "email"},
        {"key": "email", "count": 2, "closest": None},
    ]
    assert made["input"]["unmatched"] == 1
    persons = lines(run("show", "x.plan.jsonl", "--target", "0-1", "--json").out)
    assert [(one["event"], one["number"], one["line"]) for one in persons] == [("target", 0, 1), ("target", 1, 2)]
    for number, outcome in enumerate(("selected", "selected", "unmatched"), 1):
        (line,) = lines(run("show", "x.plan.jsonl", "--line", str(number), "--json").out)
        assert (line["event"], line["line"], line["outcome"]) == ("line", number, outcome)
    assert posthog.mutations == []


def test_persons_are_lines_of_the_server_or_an_event_with_their_number(run: Run, posthog: Any, lines: Lines) -> None:
    assert len(run("persons", "--json").out.splitlines()) == 60
    found = lines(run("persons", "--json", "--format", "csv", "-o", "x.csv").out)
    assert (found[-1]["event"], found[-1]["count"]) == ("persons", 60)
    found = lines(run("persons", "--json", "--count").out)
    assert (found[-1]["event"], found[-1]["count"]) == ("count", 60)
    refused = run("persons", "--json", "--format", "csv")
    assert refused.code == 2
    assert "--format csv needs a file: add -o FILE" in refused.sentence


@pytest.mark.parametrize(
    ("command", "code"),
    [
        (("delete", "--everyone", "--yes", "--expect-count", "1"), 3),
        (("status", "none.journal.jsonl"), 74),
        (("run",), 2),
        (("persons", "--where", "x"), 2),
    ],
)
def test_a_failure_is_the_last_line_with_its_exit_code(
    run: Run, posthog: Any, lines: Lines, command: tuple[str, ...], code: int
) -> None:
    result = run(*command, "--json")
    last = lines(result.out)[-1]
    assert (result.code, last["event"], last["exit_code"]) == (code, "error", code)
    assert result.sentence.startswith(f"posthog-bulk: {last['message'].splitlines()[0]}")


def test_a_json_after_two_dashes_is_no_option(run: Run, posthog: Any) -> None:
    assert run("unset", "--nope", "--", "--json").out == ""


@pytest.mark.slow
def test_the_local_server_and_the_demo(spawn: Callable[..., "subprocess.Popen[bytes]"], lines: Lines) -> None:
    process = spawn("server", "--port", "0", "--persons", "3", "--json")
    assert process.stdout is not None
    (started,) = lines(process.stdout.readline().decode())
    assert started["event"] == "server"
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=60) == 0
    demo = spawn("demo", "--persons", "400", "--json")
    out, err = demo.communicate(timeout=120)
    last = lines(out.decode())[-1]
    assert demo.returncode == last["exit_code"] == 0, err
    assert last["event"] == "demo"
    assert b"1. Local server" in err
