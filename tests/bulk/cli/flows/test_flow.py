"""Plan, run, delete, verify, status, report: what they do, print and leave behind."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bulk.plan.plan_file import load_plan
from tests.bulk.cli.free_persons import FREE, everyone, free, mode

Run = Callable[..., Any]


def test_a_review_has_all_that_is_needed_to_approve(run: Run, posthog: Any) -> None:
    Path("ids").write_text("user-1\nnobody\nuser-2\n\n")
    result = run("plan", "delete", "--delete-events", "--distinct-ids", "ids", "-o", "x.plan.jsonl")
    assert result.code == 0
    with load_plan("x.plan.jsonl") as plan:
        assert plan.count == 2
        assert plan.digest in result.out
        short = plan.digest.removeprefix("sha256:")[:12]
        assert f"posthog-bulk run x.plan.jsonl --approve {short}" in result.out
        assert all(str(target.uuid) in result.out for target in plan.iter())
    for words in (
        "1 (Local project) on http://127.0.0.1",
        "delete persons and their events",
        r"Persons +2\n",
        r"Lines that matched no person +1 +2\n",
        r"Blank lines, which were skipped +1 +4\n",
        r"Requests +at least 6: 2 deletion calls",
        r"Estimated time +under 1 s, within the rate limits",
    ):
        assert re.search(words.replace("(Local project)", r"\(Local project\)"), result.out), words
    assert not posthog.mutations
    assert mode("x.plan.jsonl") == 0o600


def test_a_sample_covers_the_whole_plan_and_is_never_larger(run: Run, posthog: Any) -> None:
    out = run("plan", "delete", "--everyone", "-o", "x.plan.jsonl").out
    assert re.findall(r"^  (\d+) +[0-9a-f-]{36} ", out, re.MULTILINE) == ["0", "12", "24", "36", "48"]
    out = run("plan", "delete", "--uuids", "-", "-o", "y", stdin=_file(str(min(everyone(posthog))))).out
    assert "Sample: 1 of 1" in out


def _file(text: str) -> Path:
    path = Path("stdin")
    path.write_text(text)
    return path


def test_the_command_that_a_review_prints_runs_the_plan_once(run: Run, posthog: Any) -> None:
    out = run("plan", "delete", *FREE, "--delete-events", "-o", "x.plan.jsonl").out
    targets, others = free(posthog), everyone(posthog) - free(posthog)
    line = out.splitlines()[-1].split()
    assert line[0] == "posthog-bulk"
    first = run(*line[1:])
    assert first.code == 0
    assert f"Waiting for PostHog to purge the events of {len(targets)} persons" in first.out
    assert everyone(posthog) == others
    sent = len(posthog.mutations)
    again = run("run", "x.plan.jsonl")  # approval is in the journal
    assert again.code == 0
    assert len(posthog.mutations) == sent
    assert mode("x.journal.jsonl") == 0o600


def test_delete_plans_runs_and_verifies_in_one_command(run: Run, posthog: Any) -> None:
    targets, others = free(posthog), everyone(posthog) - free(posthog)
    result = run("delete", "--delete-events", "--delete-recordings", *FREE, "--yes", "--expect-count", len(targets))
    assert result.code == 0
    assert everyone(posthog) == others
    assert all(posthog.server.world.deletion_rows(uuid) for uuid in targets)
    line = re.search("^If interrupted, resume with: posthog-bulk delete (.*)$", result.out, re.MULTILINE)
    assert line is not None
    assert "'plan exact free'" in line[1]
    (plan,) = Path().glob("delete-1-*.plan.jsonl")
    assert Path(plan.name.replace("plan", "journal")).exists()
    assert any(line.startswith("Waiting for PostHog to purge the events of ") for line in result.out.splitlines())


def test_the_same_command_line_resumes(run: Run, posthog: Any) -> None:
    count = len(free(posthog))
    command = ("delete", *FREE, "--plan", "x.plan.jsonl", "--yes", "--expect-count", count)
    assert run(*command).code == 0
    listed = sum(request.action == "list" for request in posthog.server.requests)
    again = run(*command)
    assert again.code == 0
    assert "Using the existing plan x.plan.jsonl" in again.out
    assert sum(request.action == "list" for request in posthog.server.requests) - listed <= 1  # the prefix
    without = run("delete", "--plan", "x.plan.jsonl")  # neither selection nor approval is needed any more
    assert without.code == 0


def test_a_journal_given_names_the_plan(run: Run, posthog: Any) -> None:
    count = len(free(posthog))
    run("delete", *FREE, "--journal", "y.journal.jsonl", "--yes", "--expect-count", count)
    assert Path("y.plan.jsonl").exists()
    assert Path("y.journal.jsonl").exists()


def test_a_selection_can_come_from_stdin(run: Run, posthog: Any) -> None:
    result = run("delete", "--distinct-ids", "-", "--yes", "--expect-count", 2, stdin=_file("user-1\nuser-2\n"))
    assert result.code == 0
    assert posthog.server.world.count() == 58


@pytest.mark.parametrize(
    ("options", "content"),
    [
        (("--distinct-ids", "in", "--column", "id"), "name,id\nx,user-1\n"),
        (("--uuids", "in"), "{uuid}\n"),
        (("--emails", "in"), "e@example.org\n"),
        (("--email", "e@example.org"), ""),
        (("--where", "email exact e@example.org", "--where", "k is_set"), ""),
        (("--properties", '[{"key":"k","value":"v","operator":"exact","type":"person"}]'), ""),
        (("--cohort", "7"), ""),
        (("--distinct-ids", "in", "--allow-shared-ids"), "undefined\n"),
    ],
)
def test_each_selection_option_finds_its_person(run: Run, posthog: Any, options: tuple[str, ...], content: str) -> None:
    world = posthog.server.world
    selected = world.add_person(["undefined", "u"], {"email": "e@example.org", "k": "v"})
    if "--column" in options:
        selected = world.uuid_of("user-1")
    world.add_cohort(7, [selected])
    Path("in").write_text(content.format(uuid=selected))
    assert run("plan", "delete", *options, "-o", "x").code == 0
    with load_plan("x") as plan:
        assert [str(target.uuid) for target in plan.iter()] == [str(selected)]


def test_json_writes_events_to_stdout_and_messages_to_stderr(run: Run, posthog: Any) -> None:
    count = len(free(posthog))
    result = run("delete", *FREE, "--yes", "--expect-count", count, "--json")
    events = [json.loads(line) for line in result.out.splitlines()]
    kinds = [event["event"] for event in events]
    assert kinds[0] == "planning"
    assert kinds[-1] == "report"
    assert {"plan", "started", "phase", "progress", "test_batch", "ended"} <= set(kinds)
    assert events[kinds.index("plan")]["count"] == count
    assert events[-1]["exit_code"] == 0
    assert "If interrupted, resume with: " in result.err
    assert "Complete: " in result.err
    assert "user-" not in result.out


def test_verify_ends_with_75_until_the_events_are_purged(run: Run, posthog: Any) -> None:
    count = len(free(posthog))
    run("delete", "--delete-events", *FREE, "--plan", "x.plan.jsonl", "--yes", "--expect-count", count)
    sent = len(posthog.mutations)
    early = run("verify", "x.journal.jsonl")
    assert early.code == 75
    assert early.out.splitlines()[-1] == "To verify: posthog-bulk verify x.journal.jsonl"
    posthog.server.run_event_deletion()
    result = run("verify", "x.journal.jsonl", "--json")
    assert result.code == 0
    assert json.loads(result.out.splitlines()[-1])["exit_code"] == 0
    assert f"{count} purged" in result.err
    assert f"Complete: {count} persons gone (confirmed by reading back), events of {count} persons purged" in result.err
    assert "To verify" not in result.err
    assert len(posthog.mutations) == sent


def test_status_and_report_need_neither_network_nor_key_nor_plan(
    run: Run, posthog: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    count = len(free(posthog))
    run("delete", *FREE, "--plan", "x.plan.jsonl", "--yes", "--expect-count", count)
    requests = len(posthog.server.requests)
    for name in posthog.env:
        monkeypatch.delenv(name)
    status = run("status", "x.journal.jsonl", "--watch")
    assert status.code == 0
    assert f"delete persons; {count} persons" in status.out
    assert "Project    1 (Local project) on http" in status.out
    with_plan = run("report", "x.journal.jsonl")
    assert "Input check" in with_plan.out
    Path("x.plan.jsonl").unlink()
    assert "Project    1 on http" in run("status", "x.journal.jsonl").out
    without = run("report", "x.journal.jsonl")
    assert "made without the plan" in without.out
    assert len(posthog.server.requests) == requests


def test_status_works_without_a_plan_that_cannot_be_read(run: Run, posthog: Any) -> None:
    run("delete", *FREE, "--plan", "x.plan.jsonl", "--yes", "--expect-count", len(free(posthog)))
    Path("x.plan.jsonl").write_text("x")
    result = run("status", "x.journal.jsonl")
    assert result.code == 0
    assert "without the plan" in result.err
    assert run("status", "x.journal.jsonl", "--plan", "x.plan.jsonl").code == 74


@pytest.mark.quick_cases(2)
@pytest.mark.parametrize("name", ["r.md", "r.json", "r.txt", "r.html", "R.MD"])
def test_a_report_is_private_and_replaced_only_by_force(run: Run, posthog: Any, name: str) -> None:
    run("delete", *FREE, "--plan", "x.plan.jsonl", "--yes", "--expect-count", len(free(posthog)))
    assert run("report", "x.journal.jsonl", "-o", name).code == 0
    first = Path(name).read_bytes()
    assert first
    Path(name).write_bytes(b"another")
    refused = run("report", "x.journal.jsonl", "-o", name)
    assert (refused.code, Path(name).read_bytes()) == (74, b"another")
    assert "--force" in refused.sentence
    assert run("report", "x.journal.jsonl", "-o", name, "--force").code == 0
    assert Path(name).read_bytes() == first
    assert mode(name) == 0o600
    with load_plan("x.plan.jsonl") as plan:
        assert not any(str(target.uuid).encode() in first for target in plan.iter())


@pytest.mark.slow
@pytest.mark.parametrize("options", [(), ("--force",)])
def test_a_report_never_replaces_its_input(run: Run, posthog: Any, options: tuple[str, ...]) -> None:
    run("delete", *FREE, "--journal", "x.md", "--plan", "p.md", "--yes", "--expect-count", len(free(posthog)))
    Path("d").mkdir()
    Path("hard.md").hardlink_to("x.md")
    Path("soft.md").symlink_to("x.md")
    before = {name: Path(name).read_bytes() for name in ("x.md", "p.md")}
    for name in ("x.md", "d/../x.md", "hard.md", "soft.md", "p.md", "./p.md"):
        assert run("report", "x.md", "--plan", "p.md", "-o", name, *options).code == 2
    assert run("report", "x.md", "-o", "p.md", *options).code == 74  # a plan is recognized by its content
    assert {name: Path(name).read_bytes() for name in before} == before
    assert Path("hard.md").samefile("x.md")
    assert Path("soft.md").is_symlink()


def test_plan_and_journal_must_be_different_files(run: Run, posthog: Any) -> None:
    assert run("plan", "delete", *FREE, "-o", "x.plan.jsonl").code == 0
    before = Path("x.plan.jsonl").read_bytes()
    Path("hard").hardlink_to("x.plan.jsonl")
    results = [
        run("run", "x.plan.jsonl", "--journal", "hard"),
        run("delete", *FREE, "--plan", "x.plan.jsonl", "--journal", "./x.plan.jsonl", "--yes", "--expect-count", 1),
        run("delete", *FREE, "--plan", "new", "--journal", "./new", "--yes", "--expect-count", 1),
    ]
    for result in results:
        assert (result.code, "are the same file" in result.sentence) == (2, True)
    assert Path("x.plan.jsonl").read_bytes() == before
    assert not Path("new").exists()
    assert not posthog.mutations


def test_text_from_the_server_cannot_act_on_a_terminal(
    serve: Callable[..., Any], run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    served = serve(5, project_name="Ac\x1b]0;pwned\x07me\u202e")
    for name, value in served.env.items():
        monkeypatch.setenv(name, value)
    served.server.world.add_person(["\x1b[2J\u2066"], {})
    results = [
        run("plan", "delete", "--everyone", "-o", "x.plan.jsonl"),
        run("delete", "--everyone", "--plan", "x.plan.jsonl", "--yes", "--expect-count", 6),
        run("status", "x.journal.jsonl"),
        run("report", "x.journal.jsonl"),
    ]
    for result in results:
        assert result.code == 0
        assert not re.search("[\x00-\x09\x0b-\x1f\x7f\u202e\u2066]", result.out + result.err)
    assert "Ac\\x1b]0;pwned\\x07me\\u202e" in results[0].out
