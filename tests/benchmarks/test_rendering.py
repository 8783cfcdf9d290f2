"""Results as tables for the terminal and the README."""

from pathlib import Path

import msgspec
import pytest

from benchmarks.__main__ import QUESTIONS, read
from benchmarks.figures import Check, Environment, Result, Row, Run
from benchmarks.rendering import BEGIN, END, as_markdown, as_text, number, put_into

HERE = Environment(system="Linux", machine="x86_64", processor="A", cores=2, python="3.11", packages={"aiohttp": "3"})


def result(question: str = "per_person", *, value: float = 0.9, smoke: bool = False) -> Result:
    rows = [
        Row(contender="ours", figures={"persons_s": [8000.0, 8100.0, 8200.0], "cpu_s": [0.125]}),
        Row(contender="theirs", figures={"persons_s": [9000.0]}),
    ]
    checks = [Check(what="ours against theirs", value=value, bound=0.85, sense=">=")]
    return Result(question=question, asks="How many?", rows=rows, checks=checks, smoke=smoke)


def test_a_table_has_a_line_per_contender_and_a_dash_for_a_missing_figure() -> None:
    text = as_markdown(Run(environment=HERE, results=[result()]))
    assert "| contender | persons/s | CPU s |\n| --- | ---: | ---: |" in text
    assert "| ours | 8,100 (8,000 to 8,200) | 0.125 |" in text
    assert "| theirs | 9,000 | - |" in text


@pytest.mark.parametrize(("value", "word"), [(0.9, ": met"), (0.8, ": MISSED")])
def test_a_line_says_if_its_target_is_met(value: float, word: str) -> None:
    assert word in as_text(result(value=value))


@pytest.mark.parametrize("value", [0.9, 0.8])
def test_a_smoke_run_checks_no_target(value: float) -> None:
    text = as_text(result(value=value, smoke=True))
    assert "not checked" in text
    assert "met" not in text
    assert "MISSED" not in text


def test_only_the_text_between_the_marks_is_replaced() -> None:
    readme = f"before\n{BEGIN}\nold\n{END}\nafter\n"
    once = put_into(readme, "new")
    assert once == f"before\n{BEGIN}\n\nnew\n\n{END}\nafter\n"
    assert put_into(once, "new") == once


@pytest.mark.parametrize("readme", ["", BEGIN, f"{END}{BEGIN}", f"{BEGIN}{BEGIN}{END}"])
def test_a_readme_without_its_marks_is_refused(readme: str) -> None:
    with pytest.raises(ValueError, match="two marks"):
        put_into(readme, "new")


def test_the_readme_has_its_marks() -> None:
    put_into((Path(__file__).parents[2] / "benchmarks" / "README.md").read_text(), "new")


def test_files_of_several_runs_are_combined_and_the_last_result_counts(tmp_path: Path) -> None:
    for name, results in (
        ("a", [result("start", value=1.0), result(value=1.0)]),
        ("b", [result("start", value=2.0)]),
    ):
        lines = [HERE, *results]
        (tmp_path / name).write_bytes(b"".join(msgspec.json.encode(line) + b"\n" for line in lines))
    run = read([tmp_path / "a", tmp_path / "b"])
    assert [(each.question, each.checks[0].value) for each in run.results] == [("per_person", 1.0), ("start", 2.0)]
    assert QUESTIONS.index("per_person") < QUESTIONS.index("start")


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0"), (12345.6, "12,346"), (12.345, "12.3"), (0.8567, "0.857"), (0.001234, "0.00123"), (float("nan"), "-")],
)
def test_numbers_have_three_significant_digits(value: float, text: str) -> None:
    assert number(value) == text
