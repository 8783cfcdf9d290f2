"""The small language of `--where`: `KEY OPERATOR VALUE`, one condition an expression.

KEY and VALUE are single words, or quoted like JSON strings (single quotes too). A bare number, `true` or
`false` is that JSON value, any other bare word is text; `exact`, `is_not`, `in` and `not_in` take a JSON list
as well; `is_set` and `is_not_set` take no value. Pure.
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
_MEANT = {"=": "exact", "==": "exact", "!=": "is_not", "<>": "is_not", ">": "gt", ">=": "gte", "<": "lt"}
_MEANT |= {
    "<=": "lte",
    "~": "regex",
    "is": "exact",
    "eq": "exact",
    "equals": "exact",
    "contains": "icontains",
}
_MEANT |= {"like": "icontains", "exists": "is_set", "before": "is_date_before", "after": "is_date_after"}

_BLANK = " \t\r\n"
_SAFE_INTEGER = 2**53
_BARE = re.compile(r"[^\s\"'\[\]{}]\S*", re.ASCII)


class WhereError(BulkError, ValueError):
    """A condition that cannot be read (exit 2).

    Args:
        expression: what was given.
        start: where the word in question begins, in characters.
        stop: where it ends.
        problem: what is wrong, without the words of the expression.
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
        """The expression and, under it, carets at the word in question. It may hold a person's data."""
        shown = "".join(character if character.isprintable() else "\ufffd" for character in self.expression)
        return f"{shown}\n{' ' * self.start}{'^' * max(1, self.stop - self.start)}"


class _Token(msgspec.Struct, frozen=True):
    start: int
    stop: int
    value: Any
    quoted: bool


def parse_where(expression: str) -> PropertyFilter:
    """Return the filter that an expression stands for.

    Args:
        expression: `KEY OPERATOR VALUE`.

    Raises:
        WhereError: it is no such expression; the error knows where.
    """
    key = _token(expression, 0, "a property's name")
    if not isinstance(key.value, str) or not key.value:
        raise WhereError(expression, key.start, key.stop, "a property's name is text and not empty")
    operator = _operator(expression, _token(expression, key.stop, "an operator"))
    rest = _skip(expression, operator.stop)
    if operator.value in WITHOUT_VALUE:
        _end(expression, rest, f"{operator.value} takes no value")
        return PropertyFilter(key.value, operator=operator.value)
    value = _value(expression, rest, operator.value)
    _end(
        expression,
        _skip(expression, value.stop),
        "the condition ends before this: quote a value that has blanks",
    )
    return PropertyFilter(key.value, value.value, operator=operator.value)


def format_where(condition: PropertyFilter) -> str:
    """Return the expression that `parse_where` reads as this filter on a person's property.

    Args:
        condition: its value is a string, a number, a boolean, or a list of those.
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
        raise WhereError(expression, start, start + 1, f"{wanted} is missing: a condition reads KEY OPERATOR VALUE")
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
        raise WhereError(expression, stop, stop + 1, "a blank is missing after the closing quote")
    inner = expression[start + 1 : at]
    if quote == "'":
        inner = re.sub(r"\\(.)|(\")", _as_json, inner, flags=re.DOTALL)
    try:
        return _Token(start, stop, json.loads(f'"{inner}"', strict=False), True)
    except ValueError:
        raise WhereError(
            expression, start, stop, "the quoted text is not valid: a backslash is written twice"
        ) from None


def _as_json(found: re.Match[str]) -> str:
    """What stands in single quotes as it would stand in double quotes."""
    if found[2]:
        return '\\"'
    return "'" if found[1] == "'" else found[0]


def _operator(expression: str, token: _Token) -> _Token:
    if token.value in OPERATORS and not token.quoted:
        return token
    word = token.value.lower()
    if word in OPERATORS or word in _MEANT:
        near = [_MEANT.get(word, word)]
    else:
        near = difflib.get_close_matches(word, OPERATORS, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]}? " if near else ""
    raise WhereError(expression, token.start, token.stop, f"unknown operator; {hint}Known are {', '.join(OPERATORS)}")


def _value(expression: str, at: int, operator: str) -> _Token:
    if at == len(expression):
        raise WhereError(expression, at, at + 1, f"{operator} needs a value")
    if expression[at] == "[":
        return _list(expression, at, operator)
    token = _token(expression, at, "a value")
    if token.quoted:
        return token
    if token.value == "null":
        raise WhereError(
            expression, token.start, token.stop, 'null is no value: use is_not_set, or "null" for the word'
        )
    if token.value[0] in "{]}":
        raise WhereError(expression, token.start, token.stop, "quote a value that starts with a bracket or brace")
    return _Token(token.start, token.stop, _bare(token.value), False)


def _list(expression: str, at: int, operator: str) -> _Token:
    try:
        items, stop = json.JSONDecoder(strict=False).raw_decode(expression, at)
    except (ValueError, RecursionError):
        raise WhereError(
            expression, at, len(expression), 'a list is written in JSON, as in ["free", "trial"]'
        ) from None
    if operator not in WITH_LIST:
        raise WhereError(expression, at, stop, f"{operator} takes one value; {', '.join(sorted(WITH_LIST))} take lists")
    if not items:
        raise WhereError(expression, at, stop, "an empty list selects nobody for certain: name at least one value")
    if not all(_is_plain(item) for item in items):
        raise WhereError(expression, at, stop, "a list holds text, numbers, true and false only")
    return _Token(at, stop, items, False)


def _is_plain(item: object) -> bool:
    if isinstance(item, float):
        return item == item and abs(item) != float("inf")
    return isinstance(item, str | bool) or (isinstance(item, int) and abs(item) <= _SAFE_INTEGER)


def _bare(word: str) -> str | int | float | bool:
    """The JSON value of a bare word where it is written just as JSON writes it, else the word itself.

    So `01234` and `1.10` stay text, and so does an integer that other programs could not hold exactly.
    """
    try:
        value = json.loads(word)
    except (ValueError, RecursionError):
        return word
    if isinstance(value, bool | int | float) and _is_plain(value) and json.dumps(value) == word:
        return value
    return word
