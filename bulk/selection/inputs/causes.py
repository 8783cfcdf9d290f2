"""Guesses why a line matched no person, from its text alone. Pure.

Each line has one cause, the first that applies, so that the counts add up to the lines.
"""

import csv
import re
import unicodedata
from enum import Enum

from bulk.selection.inputs.line_checks import Kind, looks_like_uuid

_QUOTES = frozenset("\"'`\u201c\u201d\u2018\u2019\u00ab\u00bb\u201e")
_SEPARATOR = re.compile("[,;\t]")
_BAR = re.compile(r"(?!auth0\||[a-z-]*oauth2\|)[^|]*[0-9@][^|]*\|")
"""A bar after an ID, and not after the name of an identity provider, as in auth0|5f7c8ec7."""
_SHORTENED = re.compile(r"[+-]?[0-9](?:[.,][0-9]+)?E[+-][0-9]{2,}", re.ASCII)
"""A long number as a spreadsheet shows it, also with a decimal comma."""
_SPREADSHEET = re.compile(r"[+-]?[0-9]+(?:[.,][0-9]+)?[eE][+-]?[0-9]+|[0-9]+(?:[.,]0+)?", re.ASCII)
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_AROUND_AN_EMAIL = re.compile(r"[\s,;<>\"()]+")
_INVISIBLE = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u2028\u2029\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)
"""Characters that no one sees, beside those that Unicode calls format characters."""


class Cause(Enum):
    """A likely cause for a line without a person, as reviews and reports show it."""

    WHITESPACE = "leading or trailing whitespace"
    QUOTES = "wrapped in quotes"
    SEPARATOR = "contains a separator: if the file is CSV, name its column with --column"
    INVISIBLE = "invisible characters, or another Unicode form"
    DECOMPOSED = "contains characters in a decomposed form (NFD): PostHog compares exactly"
    UUID = "looks like a UUID: for UUIDs, use --uuids"
    EMAIL = "looks like an email: for emails, use --emails"
    SPREADSHEET = "only digits or scientific notation: a spreadsheet may have changed it"
    NONE = "no likely cause"


def likely_cause(value: str, kind: Kind) -> Cause:
    """Return why no person was found for a value.

    Arguments:
        value: as the file has it.
        kind: what the lines of the file hold.
    """
    bare = value.strip()
    if kind is Kind.PERSON_ID:
        return Cause.NONE  # UUIDs are normalized before they are looked up
    if bare != value:
        return Cause.WHITESPACE
    if _is_quoted(bare):
        return Cause.QUOTES
    if kind is not Kind.EMAIL and _SHORTENED.fullmatch(bare):
        return Cause.SPREADSHEET
    if _SEPARATOR.search(bare) or _BAR.match(bare):
        return Cause.SEPARATOR
    if (seen := visible(bare)) != bare:
        composed = unicodedata.normalize("NFC", bare)
        return Cause.DECOMPOSED if composed == seen and len(composed) < len(bare) else Cause.INVISIBLE
    if kind is Kind.EMAIL:
        return Cause.NONE
    if looks_like_uuid(bare):
        return Cause.UUID
    if _EMAIL.fullmatch(bare):
        return Cause.EMAIL
    return Cause.SPREADSHEET if _SPREADSHEET.fullmatch(bare) else Cause.NONE


def visible(value: str) -> str:
    """Return a value in the usual Unicode form and without characters that no one sees."""
    if value.isascii():
        return value
    seen = (each for each in _INVISIBLE.sub("", value) if unicodedata.category(each) != "Cf")
    return unicodedata.normalize("NFC", "".join(" " if unicodedata.category(each) == "Zs" else each for each in seen))


def cleaned(value: str) -> str:
    """Return a value without whitespace and quotes around it and without invisible characters, as it may be meant."""
    bare = visible(value).strip()
    while _is_quoted(bare):
        bare = bare.removeprefix("=")[1:-1].strip()
    return bare


def _is_quoted(bare: str) -> bool:
    """Return whether a value is in quotes, also as ="007", which keeps a spreadsheet from changing it."""
    inner = bare.removeprefix("=") if bare.startswith('="') else bare
    return len(inner) > 1 and inner[0] in _QUOTES and inner[-1] in _QUOTES


def _quoted_cells(value: str) -> list[str]:
    """Return the cells of a record of CSV that has quotes, which may contain separators."""
    if '"' not in value:
        return []
    try:
        return [cell for delimiter in ",;\t" for cell in next(csv.reader([value], delimiter=delimiter), [])]
    except csv.Error:  # its message may hold the field
        return []


def meanings(value: str) -> list[str]:
    """Return all IDs and emails that a line may mean: itself, cleaned, each cell of CSV, and each email in it."""
    cells = [*_SEPARATOR.split(value), *_quoted_cells(value)]
    emails = (word for word in _AROUND_AN_EMAIL.split(visible(value)) if _EMAIL.fullmatch(word))
    forms = (value, visible(value), cleaned(value), *cells, *map(cleaned, cells), *emails)
    return [form for form in dict.fromkeys(forms) if form.strip()]
