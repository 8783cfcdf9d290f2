"""Makes foreign text safe for terminal, log, HTML, Markdown, CSV and shell (guarantee 30). Pure.

Characters that move the cursor, hide text or change its direction are replaced by their code point. Characters with a
meaning in the target format are escaped as that format does it.
"""

import html as _html
import json
import os
import re
import shlex
import unicodedata

SHOWN = 200
"""Default maximum of characters that are shown of one foreign text."""

_CUT = "..."
# control, format (bidi, zero width), surrogates, private use, unassigned, line and paragraph separators
_UNSAFE_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
# letters and marks that look blank: fillers, braille blank, variation selectors
_UNSAFE_SINGLE = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
_SPACES = frozenset({"Zs"})
_INLINE = (
    r"[\\`*\[|~$]"  # code, emphasis, links, cells, struck text, formulas
    r"|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])"  # emphasis: an underscore within a word is none
    r"|:(?=//)|(?<=[Ww]{3})\.|@|(?<![0-9]):(?=[A-Za-z0-9_+-]+:)"  # addresses and emoji
)
_AT_START = (
    r"|\A(?:#(?=#{0,5}(?: |\Z))|[-+](?= |\Z)|-(?=[- ]+\Z)|>)"  # headings, lists, rules, quotes
    + "".join(rf"|(?<=\A[0-9]{{{digits}}})[.)](?= |\Z)" for digits in range(1, 10))  # numbered lists
)
_MARKDOWN_CELL, _MARKDOWN = re.compile(_INLINE), re.compile(_INLINE + _AT_START)
_ENTITY = re.compile(r"&(?=#?[A-Za-z0-9]+;)")
_FORMULA = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20", "\t", "\r", "\n", "|", "%")

_STARTS = "[" + re.escape("".join(_FORMULA)) + "]"
_AFTER_SEMICOLON = re.compile(rf";(?=[\s\"]*{_STARTS})")
_FORMULA_AFTER_SEMICOLON = re.compile(rf"(;\s*)({_STARTS})")


def plain(text: object, *, limit: int | None = SHOWN) -> str:
    """Return text for a terminal or a log: one line without control, bidirectional or invisible characters.

    Arguments:
        text: anything; its `str` is used.
        limit: maximum of characters to show, before escaping; None for all.
    """
    shown = str(text)
    if limit is not None and len(shown) > limit:
        shown = shown[: max(0, limit - len(_CUT))] + _CUT
    if shown.isascii() and shown.isprintable():
        return shown
    return "".join(character if _is_safe(character) else _code(character) for character in shown)


def paragraph(text: object) -> str:
    """Return text of several lines for a terminal: like `plain`, but line ends stay."""
    return "\n".join(plain(line, limit=None) for line in str(text).split("\n"))


def html(text: object, *, limit: int | None = SHOWN) -> str:
    """Return text for the body or a quoted attribute of an HTML page.

    Arguments:
        text: anything; its `str` is used.
        limit: maximum of characters to show; None for all.
    """
    return _html.escape(plain(text, limit=limit), quote=True)


def markdown(text: object, *, limit: int | None = SHOWN, in_cell: bool = False) -> str:
    """Return text for a line or a table cell of Markdown, without markup, HTML or links.

    Only characters that would have a meaning where they stand are escaped, so that the source reads well too.

    Arguments:
        text: anything; its `str` is used.
        limit: maximum of characters to show; None for all.
        in_cell: whether it is a cell of a table, where nothing stands at the start of a line.
    """
    shown = plain(text, limit=limit).strip()
    escaped = (_MARKDOWN_CELL if in_cell else _MARKDOWN).sub(lambda found: f"\\{found[0]}", shown)
    return _ENTITY.sub("&amp;", escaped).replace("<", "&lt;")


def csv_cell(text: object) -> str:
    """Return text for a CSV cell that no spreadsheet reads as a formula, even one that splits at `;`.

    Arguments:
        text: anything; all of its `str` is used.
    """
    shown = _AFTER_SEMICOLON.sub(";'", plain(text, limit=None))
    return "'" + shown if shown.lstrip().startswith(_FORMULA) else shown


def json_text(text: str) -> str:
    """Return the same JSON on one line, with unsafe characters in its strings escaped.

    Unsafe characters occur only within strings: between tokens, JSON has line ends, tabs and spaces and nothing else.

    Arguments:
        text: JSON.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        character if _is_safe(character) else " " if character in "\t\r\n" else _json(character) for character in text
    )


def csv_json_cell(text: str) -> str:
    """Return JSON for a CSV cell: like `json_text`, and without a formula for a spreadsheet that splits at `;`.

    Arguments:
        text: JSON whose value is an array or an object.
    """
    return _FORMULA_AFTER_SEMICOLON.sub(lambda found: found[1] + _json(found[2], always=True), json_text(text))


def shell_word(text: str) -> str:
    """Return a word of a shell command, quoted as needed.

    Arguments:
        text: an argument or a file name, which need not be UTF-8.
    """
    if plain(text, limit=None) == text:
        return shlex.quote(text)
    kept = "".join(chr(byte) if _is_typed(byte) else f"\\x{byte:02x}" for byte in os.fsencode(text))
    return f"$'{kept}'"


def file_word(name: str) -> str:
    """Return a file name as a word of a shell command, with `./` before a name that starts like an option."""
    return shell_word(f"./{name}" if name.startswith("-") else name)


def _is_typed(byte: int) -> bool:
    return 0x20 <= byte < 0x7F and byte not in b"'\\"


def _json(character: str, *, always: bool = False) -> str:
    """Return a character of a JSON string, escaped; with `always`, by its code."""
    return f"\\u{ord(character):04x}" if always else json.dumps(character)[1:-1]


def _is_safe(character: str) -> bool:
    if character == " ":
        return True
    category = unicodedata.category(character)
    if category in _SPACES or character in _UNSAFE_SINGLE or category in _UNSAFE_CATEGORIES:
        return False
    return not _is_variation_selector(ord(character))


def _is_variation_selector(code: int) -> bool:
    return 0xFE00 <= code <= 0xFE0F or 0xE0100 <= code <= 0xE01EF


def _code(character: str) -> str:
    code = ord(character)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
