"""References resolve: cited sections of the documents, links between them, and the files that they name."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = ("asyncclient", "bulk", "tests", "benchmarks")
CODE = sorted(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py"))
DOCUMENTS = sorted(
    [*ROOT.glob("*.md"), *(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.md"))],
)

CONTRACT = ROOT / "asyncclient" / "POSTHOG.md"
GUARANTEES = ROOT / "bulk" / "GUARANTEES.md"

_GAP = r"(?:[ \t]|\n[ \t]*(?:#|>)?)+"  # a citation may run over the end of a line, in comments too
_NUMBER = r"\d+(?:\.\d+)?"
_NEXT = rf"(?:,{_GAP}(?:(?:and|or){_GAP})?|{_GAP}(?:and|or|to){_GAP}|-)"
_CITED = re.compile(
    rf"\b(?P<what>contract|promises?|guarantees?){_GAP}(?P<numbers>{_NUMBER}(?:{_NEXT}{_NUMBER})*)", re.IGNORECASE
)
_HEADING = re.compile(r"^#{2,4} (?P<number>\d+(?:\.\d+)?)\.? (?P<title>.+)$", re.MULTILINE)
_ANY_HEADING = re.compile(r"^#{1,6} (.+)$", re.MULTILINE)
_FENCED = re.compile(r"^(?:```|~~~).*?^(?:```|~~~)[ \t]*$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\[[^\]\n]*\]\((?P<target>[^)\s]+)\)")
_PATH = re.compile(rf"`(?P<path>(?:{'|'.join(FOLDERS)})/[\w./-]*)(?:::[\w\[\]-]+)?`")


class Citation(NamedTuple):
    """A section that a text cites: of which document, which one, and in which line."""

    document: Path
    number: str
    line: int


def citations(text: str) -> Iterator[Citation]:
    """Every section that a text cites, ranges by their ends."""
    for found in _CITED.finditer(text):
        document = CONTRACT if found["what"].lower() == "contract" else GUARANTEES
        line = text.count("\n", 0, found.start()) + 1
        for number in re.findall(_NUMBER, found["numbers"]):
            yield Citation(document, number, line)


def sections(document: Path) -> list[str]:
    """The numbers of a document's headings, in its order."""
    return [found["number"] for found in _HEADING.finditer(document.read_text())]


def anchors(document: Path) -> set[str]:
    """What a link may name after the `#`: headings, spelled as code hosts spell them."""
    titles = _ANY_HEADING.findall(_FENCED.sub("", document.read_text()))
    return {re.sub(r"[^\w\- ]", "", title.lower()).strip().replace(" ", "-") for title in titles}


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


def test_citations_are_found_in_every_form() -> None:
    text = (
        f"as contract 6.4 to 6.7 says, (contract 6.1, promise {12}). Guarantees 1, 5 and\n"
        f"    # 16 to 20; (guarantees 10-12, 19), guarantee {30}.\n"
    )
    assert [(each.document, each.number, each.line) for each in citations(text)] == [
        *((CONTRACT, number, 1) for number in ("6.4", "6.7", "6.1")),
        *((GUARANTEES, number, 1) for number in ("12", "1", "5", "16", "20")),
        *((GUARANTEES, number, 2) for number in ("10", "12", "19", "30")),
    ]


@pytest.mark.parametrize("document", [CONTRACT, GUARANTEES], ids=named)
def test_sections_are_numbered_in_order(document: Path) -> None:
    numbers = sections(document)
    assert numbers == sorted(set(numbers), key=lambda number: [*map(int, number.split("."))])


def test_every_cited_section_exists() -> None:
    known = {document: {*sections(document)} for document in (CONTRACT, GUARANTEES)}
    missing = [
        f"{named(path)}:{each.line} cites {each.number}, which {named(each.document)} does not have"
        for path in (*CODE, *DOCUMENTS)
        for each in citations(path.read_text())
        if each.number not in known[each.document]
    ]
    assert missing == [], "\n".join(missing)


def test_every_guarantee_names_the_tests_that_guard_it() -> None:
    parts = _HEADING.split(GUARANTEES.read_text())[1:]
    guards = {
        number: [path for path in _PATH.findall(text) if Path(path).name.startswith("test_")]
        for number, text in zip(parts[::3], parts[2::3], strict=True)
    }
    assert [number for number, files in guards.items() if not files] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=named)
def test_every_file_that_a_document_names_exists(document: Path) -> None:
    paths = [found["path"] for found in _PATH.finditer(document.read_text())]
    assert [path for path in paths if not (ROOT / path).exists()] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=named)
def test_every_relative_link_leads_somewhere(document: Path) -> None:
    dead = []
    for found in _LINK.finditer(_FENCED.sub("", document.read_text())):
        place, _, anchor = found["target"].partition("#")
        if "://" in place or place.startswith("mailto:"):
            continue
        target = document if not place else document.parent / place
        if not target.exists() or (anchor and anchor not in anchors(target)):
            dead.append(found["target"])
    assert dead == []
