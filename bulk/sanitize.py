"""Makes text from a server, a file or a person harmless where people and programs read it (promise 30).

Whatever could move a cursor, hide or turn text around is shown by its code point; what a target language
would act on is escaped in that language. Pure; knows nothing of what is shown.
"""

import html as _html
import json
import os
import re
import shlex
import unicodedata

SHOWN = 200
"""Characters of one foreign text that are shown unless told otherwise."""

_CUT = "..."
# control, format (bidi, zero width), surrogates, private use, unassigned, line and paragraph separators
_UNSAFE_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
# blank to the eye, yet letters or marks to Unicode: fillers, braille blank, variation selectors
_UNSAFE_SINGLE = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
_SPACES = frozenset({"Zs"})
# the end of a sentence, decimals, dates and times of day start neither list, rule, link nor emoji
_PROSE = r"(?<=[A-Za-z])[.:](?= |$)|(?<=[0-9])[.-](?=[0-9])|(?<=[0-9]):(?=[0-9]{2}(?![0-9]))"
_MARKDOWN = re.compile(rf"{_PROSE}|([\\`*_{{}}\[\]()#+\-.!|~:=@/$^])")
_FORMULA = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20", "\t", "\r", "\n", "|", "%")

_STARTS = "[" + re.escape("".join(_FORMULA)) + "]"
_AFTER_SEMICOLON = re.compile(rf";(?=[\s\"]*{_STARTS})")
_FORMULA_AFTER_SEMICOLON = re.compile(rf"(;\s*)({_STARTS})")


def plain(text: object, *, limit: int | None = SHOWN) -> str:
    """Return text for a terminal or a log: one line, no control, no bidi, nothing invisible.

    Args:
        text: anything; its `str` is taken.
        limit: characters to show at most, before escaping; None for all.
    """
    shown = str(text)
    if limit is not None and len(shown) > limit:
        shown = shown[: max(0, limit - len(_CUT))] + _CUT
    if shown.isascii() and shown.isprintable():
        return shown
    return "".join(character if _is_safe(character) else _code(character) for character in shown)


def paragraph(text: object) -> str:
    """Return text of several lines for a terminal: as `plain`, but line ends stay."""
    return "\n".join(plain(line, limit=None) for line in str(text).split("\n"))


def html(text: object, *, limit: int | None = SHOWN) -> str:
    """Return text for the body or a quoted attribute of an HTML page.

    Args:
        text: anything; its `str` is taken.
        limit: characters to show at most; None for all.
    """
    return _html.escape(plain(text, limit=limit), quote=True)


def markdown(text: object, *, limit: int | None = SHOWN) -> str:
    """Return text for a line or a table cell of Markdown: no markup, no HTML, no link.

    Args:
        text: anything; its `str` is taken.
        limit: characters to show at most; None for all.
    """
    shown = plain(text, limit=limit)
    escaped = _MARKDOWN.sub(lambda found: f"\\{found[1]}" if found[1] else found[0], shown)
    return escaped.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").strip()


def csv_cell(text: object) -> str:
    """Return text for a CSV cell: nothing that a spreadsheet would take for a formula, even if it splits at `;`.

    Args:
        text: anything; its `str` is taken, whole.
    """
    shown = _AFTER_SEMICOLON.sub(";'", plain(text, limit=None))
    return "'" + shown if shown.lstrip().startswith(_FORMULA) else shown


def json_text(text: str) -> str:
    """Return JSON on one line that is still the same JSON: what could do harm in its strings is escaped as JSON does.

    Such characters stand within strings only: between its tokens JSON has nothing but line ends, tabs and blanks.

    Args:
        text: JSON.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        character if _is_safe(character) else " " if character in "\t\r\n" else _json(character) for character in text
    )


def csv_json_cell(text: str) -> str:
    """Return JSON for a CSV cell: as `json_text`, and no formula for a spreadsheet that splits at `;`.

    Args:
        text: JSON whose value is an array or an object.
    """
    return _FORMULA_AFTER_SEMICOLON.sub(lambda found: found[1] + _json(found[2], always=True), json_text(text))


def shell_word(text: str) -> str:
    """Return a word of a command line to be typed, or to be pasted where it holds what cannot be typed.

    Args:
        text: an argument or the name of a file, one that is not UTF-8 too.
    """
    if plain(text, limit=None) == text:
        return shlex.quote(text)
    kept = "".join(chr(byte) if _is_typed(byte) else f"\\x{byte:02x}" for byte in os.fsencode(text))
    return f"$'{kept}'"


def file_word(name: str) -> str:
    """Return a file's name as `shell_word` does, with `./` before one that would be taken for an option."""
    return shell_word(f"./{name}" if name.startswith("-") else name)


def _is_typed(byte: int) -> bool:
    return 0x20 <= byte < 0x7F and byte not in b"'\\"


def _json(character: str, *, always: bool = False) -> str:
    """A character of a JSON string, escaped; by its code where `always`."""
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
