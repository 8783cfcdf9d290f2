"""The report as HTML in a real browser: its layout, its contrast, its structure for screen readers, and its pages."""

import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from browser import EXECUTABLE, Browser, open_browser
from cause_jobs import CAUSE_JOBS, PERSONS, large_receipt
from report_jobs import JOBS

from bulk.report.rendering.html import document_html, render_html
from bulk.report.rendering.sections.receipt import lay_out_receipt

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(EXECUTABLE is None, reason="no browser is installed: apt-get install chromium"),
]
RECEIPT = "receipt"
REPORTS = {**JOBS, **CAUSE_JOBS}
STATES = {
    "complete": "Complete",
    "waiting": "Waiting",
    "needs_attention": "Needs attention",
    "unfinished": "Needs attention",
    "overdue": "Needs attention",
    "properties": "Needs attention",
    "interrupted": "Waiting",
    "many_persons": "Waiting",
    "shredded": "Needs attention",
    "recordings": "Needs attention",
    "kept_persons": "Needs attention",
    "shredded_early": "Needs attention",
    "expected_lines": "Complete",
}
# Returns the texts whose contrast with their background is below that of WCAG AA, and that of the marks in the timeline
CONTRAST = """(() => {
  const rgb = text => (text.match(/[0-9.]+/g) || []).map(Number);
  const light = text => rgb(text).slice(0, 3).map(v => v / 255)
    .map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const ratio = (a, b) => (Math.max(light(a), light(b)) + 0.05) / (Math.min(light(a), light(b)) + 0.05);
  const ground = element => {
    for (let each = element; each; each = each.parentElement) {
      const colour = getComputedStyle(each).backgroundColor;
      if (rgb(colour)[3] !== 0) return colour;
    }
  };
  const low = [];
  for (const element of document.querySelectorAll("body *")) {
    const style = getComputedStyle(element);
    const own = [...element.childNodes].some(node => node.nodeType === 3 && node.textContent.trim());
    const isDrawn = element instanceof SVGElement;
    if (own && !["TITLE", "DESC", "title", "desc"].includes(element.tagName)) {
      const found = ratio(isDrawn ? style.fill : style.color, ground(element));
      if (!(found >= 4.5)) low.push([element.tagName, element.textContent.slice(0, 40), found]);
    }
    if (["rect", "circle"].includes(element.tagName)) {
      const found = ratio(style.fill === "none" ? style.stroke : style.fill, ground(element));
      if (!(found >= 3)) low.push([element.tagName, element.getAttribute("class"), found]);
    }
  }
  return low;
})()"""
# Returns the elements that stick out of the page, or whose content sticks out of them
OVERFLOWING = """(() => {
  const wide = document.documentElement.clientWidth;
  return [...document.querySelectorAll("body *")]
    .filter(e => !(e instanceof SVGElement) && !e.closest("thead") || e.tagName === "svg")
    .filter(e => e.getBoundingClientRect().right > wide + 0.5 || e.scrollWidth > e.clientWidth + 1 && e.clientWidth > 0)
    .map(e => [e.tagName, e.textContent.slice(0, 40)]);
})()"""
OUTLINE = """[...document.querySelectorAll("h1, h2, caption, .state")].map(e => [e.tagName, e.textContent])"""


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """One browser for all tests."""
    with open_browser(tmp_path_factory.mktemp("profile")) as running:
        yield running


@pytest.fixture(scope="module")
def page_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The pages of the jobs by name."""
    folder = tmp_path_factory.mktemp("pages")
    for name, make in REPORTS.items():
        (folder / f"{name}.html").write_text(render_html(make()))
    (folder / f"{RECEIPT}.html").write_text(document_html(lay_out_receipt(large_receipt())))
    return lambda name: folder / f"{name}.html"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("name", [*REPORTS, RECEIPT])
def test_a_page_fits_its_window_with_enough_contrast_and_asks_for_nothing(
    browser: Browser, page_of: Callable[[str], Path], name: str, width: int, scheme: str
) -> None:
    browser.open(page_of(name), width=width, media={"prefers-color-scheme": scheme})
    assert browser.evaluate("document.documentElement.scrollWidth") <= width
    assert browser.evaluate(OVERFLOWING) == []
    assert browser.evaluate(CONTRAST) == []
    told = [event for event in browser.events if event["method"] in ("Runtime.consoleAPICalled", "Log.entryAdded")]
    assert told == []
    requested = [e["params"]["request"]["url"] for e in browser.events if e["method"] == "Network.requestWillBeSent"]
    assert requested == [page_of(name).as_uri()]
    ground = browser.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (ground == "rgb(255, 255, 255)") == (scheme == "light")


@pytest.mark.parametrize("name", REPORTS)
def test_a_page_opens_with_the_state_and_only_attention_is_red(
    browser: Browser, page_of: Callable[[str], Path], name: str
) -> None:
    browser.open(page_of(name), width=1280)
    outline: Any = browser.evaluate(OUTLINE)
    assert [tag for tag, _ in outline[:2]] == ["H1", "P"]
    assert outline[1][1] == STATES[name]
    red, green, blue = map(
        int,
        re.findall(
            r"\d+", browser.evaluate("getComputedStyle($('.state')).color".replace("$(", "document.querySelector("))
        ),
    )
    is_red = red > green + 40 and red > blue + 40
    assert is_red == (STATES[name] == "Needs attention")
    titles = [text for tag, text in outline if tag == "H2"]
    assert titles[0] == "Who, when and why"
    assert titles[-2:] == ["How to check this report", "Signatures"]


def accessible(browser: Browser) -> list[tuple[str, str]]:
    """Return role and name of everything that a screen reader reads, in its order."""
    nodes = browser.call("Accessibility.getFullAXTree")["nodes"]
    shown = (node for node in nodes if not node["ignored"])
    return [(node["role"]["value"], str(node.get("name", {}).get("value", ""))) for node in shown]


@pytest.mark.parametrize("width", [1280, 390])
def test_a_screen_reader_finds_tables_headings_and_the_timeline_in_words(
    browser: Browser, page_of: Callable[[str], Path], width: int
) -> None:
    browser.open(page_of("interrupted"), width=width)
    read = accessible(browser)
    roles = [role for role, _ in read]
    assert roles.count("main") == 1
    assert ("heading", "Timeline") in read
    (figure,) = (name for role, name in read if role in ("image", "img"))
    assert figure == "Timeline of the job from 2026-11-24 09:00 UTC to 2026-11-24 09:52 UTC"
    tables = [name for role, name in read if role == "table"]
    assert {"What happened when", "Runs", "Digests and version"} <= set(tables)
    headers = [name for role, name in read if role == "columnheader"]
    assert {"From", "To", "What", "Persons", "Sign"} <= set(headers)
    assert ("rowheader", "Operator") in read
    assert sum("Interruption of run " in name for role, name in read if role == "cell") == 5


@pytest.mark.skipif(shutil.which("pdftotext") is None, reason="no pdftotext: apt-get install poppler-utils")
@pytest.mark.parametrize("name", [*REPORTS, RECEIPT])
def test_a_page_prints_on_a4_with_page_numbers_and_unbroken_rows(
    browser: Browser, page_of: Callable[[str], Path], tmp_path: Path, name: str
) -> None:
    browser.open(page_of(name), width=1280, media={"prefers-color-scheme": "dark"})
    pdf = tmp_path / "report.pdf"
    pdf.write_bytes(browser.pdf())
    facts = subprocess.run(["pdfinfo", pdf], capture_output=True, text=True, check=True).stdout
    assert re.search(r"Page size: +59[45]\.\d+ x 84[12]\.\d+ pts \(A4\)", facts)
    printed = subprocess.run(["pdftotext", "-layout", pdf, "-"], capture_output=True, text=True, check=True).stdout
    pages = printed.split("\f")[:-1]
    for number, page in enumerate(pages, 1):
        assert f"Page {number} of {len(pages)}" in page
        lines = page.strip().splitlines()
        assert not any(
            lines[-2].strip().startswith(title) for title in ("Counts", "Timeline", "Results", "Not covered")
        )
    browser.call("Emulation.setEmulatedMedia", media="print")
    breaks = (
        """[...new Set([...document.querySelectorAll("tr, li, figure")].map(e => getComputedStyle(e).breakInside))]"""
    )
    assert browser.evaluate(breaks) == ["avoid"]
    if name != RECEIPT:
        assert "Carried out by" in pages[-1]
        assert "Checked by" in pages[-1]


@pytest.mark.parametrize("width", [1280, 390])
def test_no_day_option_or_command_is_broken_at_a_hyphen(
    browser: Browser, page_of: Callable[[str], Path], width: int
) -> None:
    for name in ("needs_attention", "many_persons", RECEIPT):
        browser.open(page_of(name), width=width)
        assert browser.evaluate("document.querySelectorAll('.word').length") > 5
        broken = "[...document.querySelectorAll('.word')].filter(e => e.getClientRects().length > 1).length"
        assert browser.evaluate(broken) == 0


def test_a_job_of_100_000_persons_has_a_short_page_and_its_receipts_too(
    browser: Browser, page_of: Callable[[str], Path]
) -> None:
    for name, rows_max in (("many_persons", 80), (RECEIPT, 40)):
        browser.open(page_of(name), width=390)
        assert page_of(name).stat().st_size < 50_000
        assert browser.evaluate("document.querySelectorAll('tr').length") <= rows_max
    told = browser.evaluate("document.body.innerText")
    assert "1,500 persons" in told
    assert f"99,002 to {PERSONS + 1:,}" in told
