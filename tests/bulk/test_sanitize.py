"""No foreign text is active on a terminal, a web page, in Markdown or in a spreadsheet."""

import csv
import io
import json
import os
import re
import shlex
import unicodedata
from html.parser import HTMLParser

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from bulk import sanitize

NASTY = st.text(
    alphabet=st.one_of(
        st.sampled_from("\x1b\x07\x08\r\n\t\0\x9b\x85\u2028\u2029\u202e\u2066\u200b\ufeff\U000e0041\ud800"),
        st.sampled_from("<>&\"'`*_[]()#|\\=+-@!~:./%$^{} \u00a0\ufe0f\u3164\uff1d"),
        st.characters(),
    ),
    max_size=60,
)
BIDI = set("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


@given(NASTY)
def test_plain_text_holds_no_control_bidi_or_invisible_character(text: str) -> None:
    shown = sanitize.plain(text, limit=None)
    assert all(unicodedata.category(one) not in {"Cc", "Cf", "Cs", "Cn", "Co", "Zl", "Zp"} for one in shown)
    assert not BIDI & set(shown)
    shown.encode("utf-8")


@given(NASTY)
def test_making_text_plain_twice_changes_nothing_more(text: str) -> None:
    once = sanitize.plain(text, limit=None)
    assert sanitize.plain(once, limit=None) == once


@given(st.text(alphabet=st.characters(min_codepoint=32, max_codepoint=126), max_size=60))
def test_printable_ascii_stays_as_it_is(text: str) -> None:
    assert sanitize.plain(text) == text


@pytest.mark.parametrize("text", ["Zoë", "日本語", "Ünïcødé", "🙂", "עברית"])
def test_readable_text_of_any_script_stays_as_it_is(text: str) -> None:
    assert sanitize.plain(text) == text


@given(NASTY, st.integers(3, 50))
def test_no_more_than_the_limit_is_shown(text: str, limit: int) -> None:
    expected = text if len(text) <= limit else text[: limit - 3] + "..."
    assert sanitize.plain(text, limit=limit) == sanitize.plain(expected, limit=None)


def test_hidden_characters_are_shown_by_their_code() -> None:
    assert sanitize.plain("a\x1b[2Jb\u202ec\U000e0041") == "a\\x1b[2Jb\\u202ec\\U000e0041"


def test_a_paragraph_keeps_its_line_ends_and_nothing_else() -> None:
    assert sanitize.paragraph("one\ntwo\r\n\x1b") == "one\ntwo\\x0d\n\\x1b"


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[str] = []
        self.data = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes = attrs

    def handle_data(self, data: str) -> None:
        self.data += data

    def handle_comment(self, data: str) -> None:
        self.tags.append("!--")

    def handle_decl(self, decl: str) -> None:
        self.tags.append("!")


@given(NASTY)
def test_html_text_has_no_markup_and_reads_the_same(text: str) -> None:
    parser = _Tags()
    parser.feed(f'<p title="{sanitize.html(text, limit=None)}">{sanitize.html(text, limit=None)}</p>')
    parser.close()
    assert parser.tags == ["p"]
    assert parser.attributes == [("title", sanitize.plain(text, limit=None))]
    assert parser.data == sanitize.plain(text, limit=None)


PROSE = st.text("a1 .:-|/*_[](){}<>#+=~!`&@\\$w", max_size=30)


@pytest.mark.slow
@given(NASTY | PROSE)
@example("1. one")
@example("1.")
@example("- one")
@example("www.example.com")
@example(":100:")
def test_markdown_text_renders_as_text_only(text: str) -> None:
    written = sanitize.markdown(text, limit=None)
    tokens = MarkdownIt().enable("table").parse(written)
    assert [token.type for token in tokens] in ([], ["paragraph_open", "inline", "paragraph_close"])
    parts = [part for token in tokens for part in token.children or ()]
    assert {part.type for part in parts} <= {"text"}
    assert "".join(part.content for part in parts) == sanitize.plain(text, limit=None).strip()


@pytest.mark.slow
@given(NASTY | PROSE)
@example("- a")
@example("1. a")
@example("# a")
def test_a_markdown_cell_renders_as_text_only(text: str) -> None:
    written = sanitize.markdown(text, limit=None, in_cell=True)
    tokens = MarkdownIt().enable("table").parse(f"| a | b |\n| --- | --- |\n| {written} | c |")
    cells = [token for token in tokens if token.type == "inline"]
    assert len(cells) == 4
    parts = cells[2].children or []
    assert {part.type for part in parts} <= {"text"}
    assert "".join(part.content for part in parts) == sanitize.plain(text, limit=None).strip()


@given(NASTY | PROSE)
@example("http://example.com")
@example("a :100: b")
def test_markdown_text_has_nothing_that_extensions_interpret(text: str) -> None:
    written = sanitize.markdown(text, limit=None)
    bare = re.sub(r"\\[!-/:-@\[-`{-~]", "\\\\", written)
    # code, emphasis, links, cells, tags, struck text, mail addresses, formulas; addresses of pages; emoji
    assert not re.search(r"[`*\[|<~@$]|://|[Ww]{3}\.|(?<![0-9]):[A-Za-z0-9_+-]+:", bare)


@pytest.mark.parametrize(
    "text",
    [
        "Done: 5 of 5 read back.",
        "2026-11-23T22:59:44.728Z, digest",
        "Version 0.1.0",
        "bulk_delete (1-7,9): deleted_confirmed, 3 + 4 = 7, a > b, R&D!",
        "persons where plan exact {free} and score gt 5 #1 ^2 / 3",
        "posthog-bulk show PLAN --target N",
    ],
)
def test_markdown_prose_stays_readable(text: str) -> None:
    assert sanitize.markdown(text) == text


@given(NASTY)
def test_a_csv_cell_is_not_a_formula_and_stays_one_cell(text: str) -> None:
    cell = sanitize.csv_cell(text)
    assert not re.match(r"\s*[=+\-@\t\r\n|%\uff1d\uff0b\uff0d\uff20]", cell)
    sheet = io.StringIO()
    csv.writer(sheet).writerow([cell, "next"])
    assert list(csv.reader(io.StringIO(sheet.getvalue()))) == [[cell, "next"]]


@pytest.mark.slow
@given(NASTY | st.recursive(st.none() | NASTY, st.lists, max_leaves=5))
def test_json_text_is_the_same_json_without_unsafe_characters(value: object) -> None:
    text = json.dumps(value, ensure_ascii=False, indent=1)
    shown = sanitize.json_text(text)
    assert json.loads(shown) == value
    assert sanitize.plain(shown, limit=None) == shown


@given(st.text(st.characters(exclude_characters="\0"), max_size=20).map(lambda text: f"{text}\udcff\x85'\\"))
def test_a_shell_word_is_plain_text(text: str) -> None:
    try:
        os.fsencode(text)
    except UnicodeEncodeError:  # no file has such a name
        return
    word = sanitize.shell_word(text)
    assert word.isascii()
    assert sanitize.plain(word, limit=None) == word


@pytest.mark.parametrize("text", ["a b", "it's", "é", "x.plan.jsonl"])
def test_a_typable_word_is_quoted_as_usual(text: str) -> None:
    assert sanitize.shell_word(text) == shlex.quote(text)


def test_a_file_name_is_never_an_option() -> None:
    assert sanitize.file_word("-x.plan.jsonl") == "./-x.plan.jsonl"
    assert sanitize.file_word("x y") == "'x y'"


@pytest.mark.parametrize("text", ["a;=1", "a; +1", 'a;"@1', "a;\t-1", ";＝1"])
def test_a_formula_after_a_semicolon_is_quoted(text: str) -> None:
    assert sanitize.csv_cell(text).partition(";")[2].startswith(("'", "\\"))


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", " =1", "\t=1", "＝1"])
def test_a_formula_is_quoted(text: str) -> None:
    assert sanitize.csv_cell(text).startswith(("'", "\\"))
