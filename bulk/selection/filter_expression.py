"""Parses the expressions of `--where`: `KEY OPERATOR VALUE`, one condition per expression. Pure.

KEY and VALUE are single words, or quoted like JSON strings; single quotes work as well. A bare number, `true` or
`false` is that JSON value, and any other bare word is text. `exact`, `is_not`, `in` and `not_in` also accept a JSON
list. `is_set` and `is_not_set` take no value.
"""

import difflib
import json
import re
from typing import Any

import msgspec

from asyncclient import OPERATORS, PropertyFilter
from bulk.errors import BulkError

WITHOUT_VALUE = frozenset({"is_set", "is_not_set"})
WITH_LIST = frozenset({"exact", "is_not", "in", "not_in"})
_SYNONYMS = {"=": "exact", "==": "exact", "!=": "is_not", "<>": "is_not", ">": "gt", ">=": "gte", "<": "lt"}
_SYNONYMS |= {
    "<=": "lte",
    "~": "regex",
    "is": "exact",
    "eq": "exact",
    "equals": "exact",
    "contains": "icontains",
}
_SYNONYMS |= {"like": "icontains", "exists": "is_set", "before": "is_date_before", "after": "is_date_after"}

_BLANK = " \t\r\n"
_SAFE_INTEGER = 2**53
_BARE = re.compile(r"[^\s\"'\[\]{}]\S*", re.ASCII)


class WhereError(BulkError, ValueError):
    """A condition that is not a valid expression (exit code 2).

    Arguments:
        expression: the condition.
        start: where the wrong word begins, in characters.
        stop: where it ends.
        problem: what is wrong, without any word of the expression.
    """

    def __init__(self, expression: str, start: int, stop: int, problem: str) -> None:
        super().__init__(expression, start, stop, problem)
        self.expression = expression
        self.start = start
        self.stop = stop
        self.problem = problem

    def __str__(self) -> str:
        return self.problem

    @property
    def pointer(self) -> str:
        """The expression, and carets under the wrong word; it may hold personal data."""
        shown = "".join(character if character.isprintable() else "\ufffd" for character in self.expression)
        return f"{shown}\n{' ' * self.start}{'^' * max(1, self.stop - self.start)}"


class _Token(msgspec.Struct, frozen=True):
    start: int
    stop: int
    value: Any
    quoted: bool


def parse_where(expression: str) -> PropertyFilter:
    """Return the filter of an expression.

    Arguments:
        expression: `KEY OPERATOR VALUE`.

    Raises:
        WhereError: the expression is not valid; the error says where.
    """
    key = _token(expression, 0, "the property name")
    if not isinstance(key.value, str) or not key.value:
        raise WhereError(expression, key.start, key.stop, "the property name must not be empty")
    operator = _operator(expression, _token(expression, key.stop, "the operator"))
    rest = _skip(expression, operator.stop)
    if operator.value in WITHOUT_VALUE:
        _end(expression, rest, f"{operator.value} takes no value")
        return PropertyFilter(key.value, operator=operator.value)
    value = _value(expression, rest, operator.value)
    _end(
        expression,
        _skip(expression, value.stop),
        "the condition ends before this: quote a value that contains spaces",
    )
    return PropertyFilter(key.value, value.value, operator=operator.value)


def format_where(condition: PropertyFilter) -> str:
    """Return the expression from which `parse_where` makes this filter.

    Arguments:
        condition: a filter on a person property, with a string, a number, a boolean, or a list of those.
    """
    key = _format_text(condition.key)
    if condition.operator in WITHOUT_VALUE:
        return f"{key} {condition.operator}"
    value = condition.value
    if isinstance(value, list | tuple):
        return f"{key} {condition.operator} {json.dumps(list(value))}"
    text = _format_text(value) if isinstance(value, str) else json.dumps(value)
    return f"{key} {condition.operator} {text}"


def _format_text(text: str) -> str:
    bare = _BARE.fullmatch(text) and text != "null" and _bare(text) == text
    return text if bare else json.dumps(text)


def _skip(expression: str, at: int) -> int:
    while at < len(expression) and expression[at] in _BLANK:
        at += 1
    return at


def _end(expression: str, at: int, problem: str) -> None:
    if at < len(expression):
        raise WhereError(expression, at, len(expression.rstrip(_BLANK)), problem)


def _token(expression: str, at: int, wanted: str) -> _Token:
    start = _skip(expression, at)
    if start == len(expression):
        raise WhereError(expression, start, start + 1, f"{wanted} is missing: a condition is KEY OPERATOR VALUE")
    quote = expression[start]
    if quote in "\"'":
        return _quoted(expression, start, quote)
    stop = start
    while stop < len(expression) and expression[stop] not in _BLANK:
        stop += 1
    return _Token(start, stop, expression[start:stop], False)


def _quoted(expression: str, start: int, quote: str) -> _Token:
    at = start + 1
    while at < len(expression) and expression[at] != quote:
        at += 2 if expression[at] == "\\" else 1
    if at >= len(expression):
        raise WhereError(expression, start, len(expression), f"the closing {quote} is missing")
    stop = at + 1
    if stop < len(expression) and expression[stop] not in _BLANK:
        raise WhereError(expression, stop, stop + 1, "a space is missing after the closing quote")
    inner = expression[start + 1 : at]
    if quote == "'":
        inner = re.sub(r"\\(.)|(\")", _as_json, inner, flags=re.DOTALL)
    try:
        return _Token(start, stop, json.loads(f'"{inner}"', strict=False), True)
    except ValueError:
        raise WhereError(
            expression, start, stop, "the quoted text is not a valid JSON string: write a backslash twice"
        ) from None


def _as_json(found: re.Match[str]) -> str:
    """Return a part of a single-quoted text as it is written in double quotes."""
    if found[2]:
        return '\\"'
    return "'" if found[1] == "'" else found[0]


def _operator(expression: str, token: _Token) -> _Token:
    if token.value in OPERATORS and not token.quoted:
        return token
    word = token.value.lower()
    if word in OPERATORS or word in _SYNONYMS:
        near = [_SYNONYMS.get(word, word)]
    else:
        near = difflib.get_close_matches(word, OPERATORS, n=1, cutoff=0.5)
    known = f"operators are {', '.join(OPERATORS)}"
    problem = f"unknown operator, did you mean {near[0]}? The {known}" if near else f"unknown operator: the {known}"
    raise WhereError(expression, token.start, token.stop, problem)


def _value(expression: str, at: int, operator: str) -> _Token:
    if at == len(expression):
        raise WhereError(expression, at, at + 1, f"{operator} needs a value")
    if expression[at] == "[" and operator not in ("regex", "not_regex"):  # there, a bracket opens a set
        return _list(expression, at, operator)
    token = _token(expression, at, "the value")
    if token.quoted:
        return token
    if token.value == "null":
        raise WhereError(
            expression, token.start, token.stop, 'null is not a value: use is_not_set, or "null" for that text'
        )
    if token.value[0] in "{]}":
        raise WhereError(expression, token.start, token.stop, "quote a value that starts with a bracket or brace")
    return _Token(token.start, token.stop, _bare(token.value), False)


def _list(expression: str, at: int, operator: str) -> _Token:
    try:
        items, stop = json.JSONDecoder(strict=False).raw_decode(expression, at)
    except (ValueError, RecursionError):
        raise WhereError(expression, at, len(expression), 'a list must be JSON, such as ["free", "trial"]') from None
    if operator not in WITH_LIST:
        with_list = ", ".join(sorted(WITH_LIST))
        raise WhereError(expression, at, stop, f"{operator} takes one value: only {with_list} take a list")
    if not items:
        raise WhereError(expression, at, stop, "an empty list matches no person: give at least one value")
    if not all(_is_plain(item) for item in items):
        raise WhereError(expression, at, stop, "a list can hold only text, numbers, true and false")
    return _Token(at, stop, items, False)


def _is_plain(item: object) -> bool:
    if isinstance(item, float):
        return item == item and abs(item) != float("inf")
    return isinstance(item, str | bool) or (isinstance(item, int) and abs(item) <= _SAFE_INTEGER)


def _bare(word: str) -> str | int | float | bool:
    """Return the JSON value of a bare word that is written exactly as JSON writes it, otherwise the word.

    So `01234` and `1.10` stay text, as does an integer that other programs cannot represent exactly.
    """
    try:
        value = json.loads(word)
    except (ValueError, RecursionError):
        return word
    if isinstance(value, bool | int | float) and _is_plain(value) and json.dumps(value) == word:
        return value
    return word
