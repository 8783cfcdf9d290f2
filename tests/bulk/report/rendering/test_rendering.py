"""Reports as text, Markdown, JSON and HTML are complete and reproducible, and foreign text has no effect."""

import json
import re
import unicodedata
from collections.abc import Callable
from html.parser import HTMLParser

import msgspec
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from bulk.report.duty import Duty
from bulk.report.rendering import render_json, render_markdown, render_text
from bulk.report.rendering.html import render_html
from bulk.report.rendering.text import WIDTH
from bulk.report.report import AxisReport, FailureCount, Report, RouteCount, StateCount
from bulk.sanitize import plain
from bulk.targets.reasons import REASON_MEANINGS

Make = Callable[..., Report]
RENDERERS = [render_text, render_markdown, render_json, render_html]
NASTY = st.text(
    alphabet=st.one_of(st.sampled_from("\x1b\r\n\t\0\x9b\u2028\u202e\u200b\ud800|<>&`*_[]()#!"), st.characters()),
    max_size=30,
).filter(lambda text: text.partition(":")[0] not in {reason.value for reason in REASON_MEANINGS})  # these are explained
anything = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)


@pytest.mark.parametrize("render", RENDERERS)
def test_the_same_report_gives_the_same_bytes(render: Callable[[Report], str], make_report: Make) -> None:
    first, second = make_report(), make_report()
    assert render(first).encode() == render(second).encode()


@pytest.mark.parametrize("render", [render_text, render_markdown, render_html])
def test_a_report_shows_all_important_facts(render: Callable[[Report], str], make_report: Make) -> None:
    shown = " ".join(render(make_report()).replace("\\", "").split())
    for part in (
        "00112233aabbccdd",
        "ab" * 32,
        "cd" * 32,
        "12" * 32,
        "delete persons and their events",
        "https://eu.posthog.com",
        "42 (Acme)",
        "10 persons: Acme.",
        "4,990",
        "3,17-25",
        "POST persons/bulk_delete",
        "unknown",
        "17 bytes",
        "7,9-10",
        "Lines refused: blank",
        "Persons that have Acme",
        "Warning: no person of the plan has the property Acme; did you mean Acme?",
        "Persons with 10 or more distinct IDs (may be several people)",
        "Rate limits lowered: 1",
    ):
        assert part in shown
    assert "Recordings" not in shown


def test_a_report_without_the_plan_says_so_and_identifies_no_person(make_report: Make) -> None:
    shown = render_text(make_report(plan=None))
    assert "made without the plan" in shown
    assert "Acme" not in shown.replace("persons: Acme", "").replace("where Acme", "").replace("  Acme  ", "")
    assert "Input check" not in shown


@pytest.mark.slow
@anything
@given(foreign=NASTY)
def test_no_foreign_text_acts_on_a_terminal(make_report: Make, foreign: str) -> None:
    shown = render_text(make_report(foreign))
    assert all(len(line) <= WIDTH for line in shown.splitlines())
    assert all(unicodedata.category(one) not in {"Cc", "Cf", "Cs"} for one in shown.replace("\n", ""))


@pytest.mark.slow
@anything
@given(foreign=NASTY)
@example(foreign="<b>|</b>")
def test_no_foreign_text_breaks_a_table_or_makes_markup(make_report: Make, foreign: str) -> None:
    lines = render_markdown(make_report(foreign)).split("\n")
    expected = render_markdown(make_report("Acme")).split("\n")
    assert [_columns(line) for line in lines] == [_columns(line) for line in expected]
    for line in lines:
        bare = re.sub(r"\\[!-/:-@\[-`{-~]", "", line)
        assert not re.search(r"[<`]|!\[|\]\(", bare)


def _columns(line: str) -> int:
    return len(re.findall(r"(?<!\\)\|", line.replace("\\\\", "")))


@anything
@given(foreign=NASTY.filter(lambda text: "\ud800" not in text))
def test_json_holds_every_field_in_ascii(make_report: Make, foreign: str) -> None:
    report = make_report(foreign)
    shown = render_json(report)
    assert shown.isascii()
    assert json.loads(shown) == json.loads(json.dumps(msgspec.to_builtins(report)))


def test_json_takes_a_lone_surrogate(make_report: Make) -> None:
    assert json.loads(render_json(make_report("a\ud800")))["plan"]["project_name"] == "a\ud800"


class _Page(HTMLParser):
    """What a browser would make of a page: its tags with their attributes, and its text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, tuple[tuple[str, str | None], ...]]] = []
        self.text: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if (tag, attrs) == ("span", [("class", "word")]):  # keeps what looks like an option in one line
            return
        # a cell with a long word has a class
        self.tags.append((tag, tuple(attribute for attribute in attrs if attribute[0] != "class")))

    def handle_data(self, data: str) -> None:
        self.text.append(data)


@pytest.mark.slow
@anything
@given(foreign=NASTY)
@example(foreign="</td><script>alert(1)</script>")
@example(foreign="{{ 7 * 7 }}{% raw %}")
@example(foreign='--a"><b>--c</span>')
def test_no_foreign_text_becomes_html(make_report: Make, foreign: str) -> None:
    page = _Page(render_html(make_report(foreign)))
    assert page.tags == _Page(render_html(make_report("Acme"))).tags
    assert not {"script", "img", "link", "a", "iframe", "form"} & {tag for tag, _ in page.tags}
    assert plain(foreign, limit=None).strip() in "".join(page.text)
    text = "".join(page.text).replace("\n", "")
    assert all(unicodedata.category(one) not in {"Cc", "Cf", "Cs"} for one in text)


def test_a_page_loads_nothing_and_its_colour_shows_the_result(make_report: Make) -> None:
    for state in ("complete", "waiting", "needs_attention"):
        page = render_html(make_report(duty=Duty(state=state, sentence="")))
        assert f'<div class="verdict {state}">' in page
    good = render_html(make_report())
    assert "default-src 'none'" in good
    assert not re.search(r"(src|href)=|url\(|@import", good)


def test_markdown_tables_have_a_heading_and_as_many_cells_in_each_row(make_report: Make) -> None:
    tables = re.findall(r"(?:^\|.*\n)+", render_markdown(make_report()), re.MULTILINE)
    assert len(tables) == 10
    for table in tables:
        assert len({_columns(line) for line in table.splitlines()}) == 1
        assert re.fullmatch(r"\| (---:?( \| )?)+ \|", table.splitlines()[1])


def test_columns_of_text_line_up(make_report: Make) -> None:
    lines = render_text(make_report()).splitlines()
    header = next(line for line in lines if line.strip().startswith("State"))
    gone, failed = (line for line in lines if line.strip().startswith(("deleted_confirmed ", "failed ")))
    assert gone.index("read back") == header.index("Meaning") == failed.rindex("failed")
    assert failed.index("3,17-25") == header.index("Numbers")
    assert gone.index("4,990") + len("4,990") == header.index("Persons") + len("Persons")


LONG = FailureCount(
    axis="events",
    state="too_late",
    reason="partly_covered",
    count=4000,
    targets=",".join(str(number) for number in range(0, 800, 2)),
)


def test_text_continues_long_cells_on_the_next_line_and_cuts_nothing(make_report: Make) -> None:
    meaning = "the deletion was sent, but PostHog does not show it as queued; it will be sent again as often as needed"
    axis = AxisReport(axis="events", states=(StateCount(state="to_retry", meaning=meaning, count=5, targets="1-5"),))
    shown = render_text(make_report(axes=(axis,), failures=(LONG,)))
    assert "".join(re.findall(r"[0-9,]+$", shown[shown.index("partly_covered ") :], re.MULTILINE)).startswith(
        LONG.targets
    )
    assert all(len(line) <= WIDTH for line in shown.splitlines())
    row = shown[shown.index("to_retry ") :].partition("\n\n")[0].partition("partly_covered:")[0]
    words = row.split()
    assert [word for word in words if word in meaning.split()] == meaning.split()


@pytest.mark.parametrize("width", [60, 80, 200])
def test_text_fits_the_width_of_the_terminal(make_report: Make, width: int) -> None:
    lines = render_text(make_report(failures=(LONG,)), width=width).splitlines()
    assert max(map(len, lines)) <= width
    assert (max(map(len, lines)) > 100) == (width > 100)


@pytest.mark.parametrize("width", [79, 70])
def test_a_digest_is_never_broken_where_it_fits_into_a_line(make_report: Make, width: int) -> None:
    report = make_report()
    shown = [line.strip() for line in render_text(report, width=width).splitlines()]
    assert report.plan_digest.removeprefix("sha256:") in shown


def test_the_facts_of_a_job_name_the_exit_code_of_the_run_and_times_to_the_second(make_report: Make) -> None:
    shown = render_text(make_report(largest_uncovered_s=1.0, run_exit_code=1))
    for fact in (
        "Exit code of the run: 1 (some persons need attention)",
        "Approved              2026-11-01 11:00:00 UTC, for the approval digest below",
        "Job started           2026-11-01 11:00:00 UTC",
        "Last activity         2026-11-01 12:00:00 UTC",
    ):
        assert re.search(r"\s+".join(map(re.escape, fact.split())), shown), fact


def test_requests_are_split_by_what_they_delete_or_change(make_report: Make) -> None:
    routes = tuple(
        RouteCount(route="bulk_delete", axes=axes, attempts=2, ok=2, failed=0, unknown=0, targets=30)
        for axes in (("events", "recordings"), ("person",))
    )
    shown = render_text(make_report(routes=routes))
    rows = [line.split() for line in shown.splitlines() if line.strip().startswith("bulk_delete")]
    assert "recordings" in shown
    assert rows == [["bulk_delete", what, *more] for what, more in ROWS]


ROWS = [("events,", ["recordings", "2", "2", "0", "0", "30"]), ("persons", ["2", "2", "0", "0", "30"])]


def test_a_sentence_says_which_events_may_remain(make_report: Make) -> None:
    axis = AxisReport(axis="events", states=(StateCount(state="queued", meaning="queued", count=5000),))
    shown = render_text(make_report(axes=(axis,), largest_uncovered_s=1.0))
    assert "Events captured in the last 1 s before a person was deleted may remain." in shown
