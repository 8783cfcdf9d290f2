"""Bad input: one sentence, the right exit code, and not one request that changes anything."""

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import bulk.files.private_files
from asyncclient.testing import Fault

Run = Callable[..., Any]

FREE = ("--where", "plan exact free")


OPERATION_OPTIONS = ("delete", *FREE, "--yes", "--expect-count", "1")


@pytest.mark.parametrize("option", ["--log-file", "--plan", "--journal", "--key-file", "--ca-file"])
def test_an_empty_file_name_and_a_dash_are_refused(refused: Callable[..., str], posthog: Any, option: str) -> None:
    assert f"'{option}': the name of the file is empty" in refused(2, *OPERATION_OPTIONS, option, "")
    assert f"'{option}': '-' is not the name of a file; ./- is" in refused(2, *OPERATION_OPTIONS, option, "-")
    assert posthog.server.requests == []


@pytest.mark.parametrize("line", [("persons",), ("plan", "delete", *FREE)])
def test_an_output_without_a_name_is_refused(refused: Callable[..., str], line: tuple[str, ...]) -> None:
    assert "'--output': the name of the file is empty" in refused(2, *line, "-o", "")
    assert "'--output': '-' is not the name of a file" in refused(2, *line, "-o", "-")


def test_a_missing_key_is_refused(refused: Callable[..., str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("POSTHOG_PERSONAL_API_KEY")
    assert "POSTHOG_PERSONAL_API_KEY" in refused(2, *OPERATION_OPTIONS)


def test_a_key_file_that_does_not_exist_is_refused(refused: Callable[..., str]) -> None:
    assert "cannot be read" in refused(2, *OPERATION_OPTIONS, "--key-file", "none")


def test_a_key_file_that_others_can_read_is_refused(refused: Callable[..., str]) -> None:
    Path("key").write_text("phx_secret")
    Path("key").chmod(0o644)
    sentence = refused(2, *OPERATION_OPTIONS, "--key-file", "key")
    assert "read by others" in sentence
    assert "phx_secret" not in sentence


def test_a_key_with_a_newline_is_refused(refused: Callable[..., str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POSTHOG_PERSONAL_API_KEY", "phx_secret\nx")
    sentence = refused(2, *OPERATION_OPTIONS)
    assert "line break" in sentence
    assert "secret" not in sentence


def test_a_project_token_in_place_of_the_key_is_refused(
    refused: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POSTHOG_PERSONAL_API_KEY", "phc_token")
    assert "personal API key" in refused(2, *OPERATION_OPTIONS)


@pytest.mark.slow
def test_a_key_of_another_region_is_refused(refused: Callable[..., str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POSTHOG_PERSONAL_API_KEY", "phx_from_elsewhere")
    assert "region" in refused(77, *OPERATION_OPTIONS)


def test_a_key_without_the_scope_is_refused(
    serve: Callable[..., Any], run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    served = serve(60, scopes=("person:read", "person:write"))
    for name, value in served.env.items():
        monkeypatch.setenv(name, value)
    result = run(*OPERATION_OPTIONS)
    assert result.code == 77
    assert "scope" in result.sentence
    assert not served.mutations


@pytest.mark.parametrize("project", ["abc", "0", "-1", "1.5", "1/../2", "", "@Current"])
def test_a_project_id_that_is_not_a_number_is_refused(refused: Callable[..., str], project: str) -> None:
    assert "project" in refused(2, *OPERATION_OPTIONS, f"--project-id={project}")


def test_the_current_project_is_refused_for_a_write(refused: Callable[..., str]) -> None:
    assert "@current" in refused(2, *OPERATION_OPTIONS, "--project-id", "@current")


def test_a_project_that_the_key_cannot_see_is_refused(refused: Callable[..., str]) -> None:
    refused(77, *OPERATION_OPTIONS, "--project-id", "99")


@pytest.mark.parametrize(
    ("host", "words"),
    [
        ("https://us.posthog.com/project/1", ": give https://us.posthog.com"),
        ("https://jane:secret@us.posthog.com", "user information"),
        ("https://us.i.posthog.com", "captured events only"),
        ("http://posthog.example.com", "plain http"),
        ("posthog.example.com", "neither us, eu"),
        ("ftp://x", "neither us, eu"),
    ],
)
def test_a_host_that_is_not_an_origin_is_refused(refused: Callable[..., str], host: str, words: str) -> None:
    sentence = refused(2, *OPERATION_OPTIONS, "--host", host)
    assert words in sentence
    assert "secret" not in sentence


@pytest.mark.parametrize("command", [("delete",), ("plan", "delete", "-o", "x.plan.jsonl")])
def test_an_empty_selection_is_refused(refused: Callable[..., str], posthog: Any, command: tuple[str, ...]) -> None:
    assert "--everyone" in refused(2, *command)
    assert not posthog.server.requests


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--distinct-ids", "a", "--uuids", "b"), "cannot be combined"),
        (("--distinct-ids", "a", "--where", "a exact b"), "cannot be combined"),
        (("--distinct-ids", "a", "--everyone"), "cannot be combined"),
        (("--column", "a", *FREE), "--column"),
        (("--allow-shared-ids", *FREE), "--allow-shared-ids"),
        (("--email", " "), "blank"),
        (("--properties", "[]"), "empty array"),
        (("--cohort", "0"), "cohort"),
        (("--distinct-ids", "none.txt"), None),
    ],
)
def test_options_that_cannot_be_combined_are_refused(
    refused: Callable[..., str], posthog: Any, options: tuple[str, ...], words: str | None
) -> None:
    sentence = refused(2 if words else 74, "delete", *options, "--yes", "--expect-count", "1")
    assert (words or "no such file: none.txt") in sentence
    assert not posthog.server.requests


def test_an_unknown_operator_is_marked(run: Run, posthog: Any) -> None:
    result = run("delete", "--where", "plan exactly free", "--yes", "--expect-count", "1")
    assert result.code == 2
    assert "did you mean exact?" in result.sentence
    assert result.err.splitlines()[-2:] == ["  plan exactly free", "       ^^^^^^^"]
    assert not posthog.server.requests


@pytest.mark.parametrize("option", ["--distinct-ids", "--uuids", "--emails"])
def test_an_empty_input_file_is_refused(refused: Callable[..., str], posthog: Any, option: str) -> None:
    Path("ids").touch()
    assert "ids is empty" in refused(2, "delete", option, "ids", "--yes", "--expect-count", "1")
    assert "is empty" in refused(2, "delete", option, "-", "--yes", "--expect-count", "1")
    assert not posthog.server.requests


def test_an_input_that_matches_no_person_is_refused(refused: Callable[..., str]) -> None:
    Path("ids").write_text("nobody\n")
    assert "no person matches" in refused(3, "delete", "--distinct-ids", "ids", "--yes", "--expect-count", "1")
    assert os.listdir() == ["ids"]


def test_yes_requires_an_expected_count(refused: Callable[..., str]) -> None:
    assert "--expect-count" in refused(2, "delete", *FREE, "--yes")


def test_another_count_than_expected_is_refused(refused: Callable[..., str]) -> None:
    assert "--expect-count says 1" in refused(3, *OPERATION_OPTIONS)


def test_a_read_only_folder_is_refused(refused: Callable[..., str], monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.open

    def read_only(path: Any, flags: int, *rest: Any, **named: Any) -> int:
        if flags & (os.O_CREAT | getattr(os, "O_TMPFILE", 0) & ~os.O_DIRECTORY):
            raise OSError(errno.EROFS, os.strerror(errno.EROFS))
        return real(path, flags, *rest, **named)

    with monkeypatch.context() as patch:
        patch.setattr(bulk.files.private_files.os, "open", read_only)
        assert "read-only" in refused(74, *OPERATION_OPTIONS)


def test_a_folder_that_does_not_exist_is_refused(refused: Callable[..., str]) -> None:
    assert "none/x.plan.jsonl" in refused(74, *OPERATION_OPTIONS, "--plan", "none/x.plan.jsonl")


@pytest.mark.slow
def test_a_server_that_cannot_be_reached_ends_the_command(run: Run, posthog: Any) -> None:
    result = run(*OPERATION_OPTIONS, "--host", "http://127.0.0.1:1", "--retry-for", "0")
    assert result.code == 75
    assert len(result.sentence.splitlines()) == 1
    assert "check the network and the host" in result.sentence


def test_a_server_that_is_not_posthog_ends_the_command(run: Run, posthog: Any) -> None:
    for fault, code in (
        (Fault("redirect", to="https://elsewhere.example.com"), 75),
        (Fault("garbage"), 75),
    ):
        posthog.server.faults.add(fault)
        result = run(*OPERATION_OPTIONS)
        assert result.code == code, result
        assert "; " in result.sentence  # what is wrong, and what to do
        posthog.server.faults.clear()
    assert not posthog.mutations


@pytest.mark.parametrize("limits", ["fast", "480", "480/min,4800", "480/min,4800/day,240/min", "-1/min,1/hour,1/min"])
def test_invalid_rate_limits_are_refused(refused: Callable[..., str], limits: str) -> None:
    refused(2, *OPERATION_OPTIONS, "--rate-limits", limits)


@pytest.mark.parametrize("name", ["report.htm", "report.pdf", "report"])
def test_a_report_in_an_unknown_format_is_refused(refused: Callable[..., str], name: str) -> None:
    assert "ends with .html, .md, .json, .txt" in refused(2, "report", "x.journal.jsonl", "-o", name)


def test_a_misspelt_property_that_no_person_has_is_refused_with_the_closest_one(run: Run, posthog: Any) -> None:
    result = run("plan", "unset", "emial", "--everyone", "-o", "x.plan.jsonl", "--log-file", "x.log")
    assert result.code == 3
    assert "no selected person has any of the properties" in result.sentence
    assert "Did you mean email instead of emial?" in result.sentence
    assert "email" not in Path("x.log").read_text()
    assert not posthog.mutations
    assert not Path("x.plan.jsonl").exists()
