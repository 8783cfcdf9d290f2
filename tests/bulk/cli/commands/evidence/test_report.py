"""Where `report` writes, and in which format."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Run = Callable[..., Any]


@pytest.fixture
def journal(run: Run, posthog: Any) -> str:
    """The journal of a job that is done."""
    everyone = ("delete", "--everyone", "--yes", "--expect-count", "60", "--plan", "x.plan.jsonl")
    assert run(*everyone).code == 0
    return "x.journal.jsonl"


@pytest.mark.quick_cases(1)
@pytest.mark.parametrize("layout", ["txt", "md", "json", "html"])
def test_a_dash_writes_to_stdout_what_a_file_would_have(run: Run, journal: str, layout: str) -> None:
    assert run("report", journal, "-o", f"x.{layout}").code == 0
    shown = run("report", journal, "-o", "-", "--format", layout)
    assert shown.code == 0
    assert shown.out == Path(f"x.{layout}").read_text()
    assert not Path("-").exists()


def test_without_a_file_the_report_is_text_and_with_json_it_is_json(run: Run, journal: str) -> None:
    text = run("report", journal).out
    assert run("report", journal, "-o", "-").out == text
    assert max(len(line) for line in text.splitlines() if "posthog-bulk " not in line) <= 80  # that of an email
    assert json.loads(run("report", journal, "--json").out)["exit_code"] == 0
    assert run("report", journal, "--json", "--format", "md").code == 2


def test_a_file_name_without_a_known_format_needs_a_format(run: Run, journal: str) -> None:
    result = run("report", journal, "-o", "x.pdf")
    assert result.code == 2
    assert "x.pdf: a report cannot be written as .pdf: choose a name that ends with .html, .md" in result.sentence
    assert run("report", journal, "-o", "x", "--format", "html").code == 0
    assert Path("x").read_text().startswith("<!doctype html>")


def test_a_written_file_is_an_event(run: Run, journal: str) -> None:
    result = run("report", journal, "-o", "x.md", "--json")
    line = json.loads(result.out)
    assert (line["event"], line["path"], line["format"]) == ("file", "x.md", "md")
