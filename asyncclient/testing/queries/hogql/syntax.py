"""Parses HogQL into a syntax tree, with its placeholders as columns (contract 12). Pure.

A placeholder `{name}` or `{values.name}` becomes the column that `placeholder` recognizes. Its value never becomes part
of the text.
"""

import re
from typing import Any, ClassVar

from sqlglot import exp, parse, parser, tokens
from sqlglot.dialects.dialect import Dialect
from sqlglot.errors import SqlglotError

Node = Any
"""A node of the syntax tree. Its base class has different names in the versions of the parser."""

_PREFIX = "__value_"
_TOKEN = re.compile(
    r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|`(?:[^`\\]|\\.)*`|--[^\n]*|/\*.*?\*/"""
    r"|(?P<placeholder>\{\s*(?:values\.)?(?P<name>[A-Za-z_]\w*)\s*\})|(?P<brace>[{}])",
    re.DOTALL,
)


class BadQuery(Exception):
    """The server does not accept the query; the text is the detail of the response."""


class HogQL(Dialect):
    """The syntax of HogQL as far as the local server needs it: every function is a plain call by its name."""

    class Tokenizer(tokens.Tokenizer):
        """Strings in single quotes with backslashes, names in backquotes or double quotes, `$` in names."""

        IDENTIFIERS = ["`", '"']  # noqa: RUF012
        STRING_ESCAPES = ["'", "\\"]  # noqa: RUF012
        VAR_SINGLE_TOKENS = {"$"}  # noqa: RUF012

    class Parser(parser.Parser):
        """Leaves function names as they are written, which are case-sensitive in ClickHouse."""

        FUNCTIONS: ClassVar[dict[str, Any]] = {}
        NO_PAREN_FUNCTIONS: ClassVar[dict[Any, Any]] = {}


Query = exp.Select | exp.Union
"""A SELECT, or several joined by UNION."""


def parse_select(text: str) -> Query:
    """Return the syntax tree of a query.

    Raises:
        BadQuery: the text is neither one SELECT nor several joined by UNION.
    """
    try:
        statements = [each for each in parse(_TOKEN.sub(_named, text), dialect=HogQL) if each is not None]
    except (SqlglotError, RecursionError, ValueError):
        raise BadQuery("The query has a syntax error.") from None
    if len(statements) != 1:
        raise BadQuery("A query is one statement.")
    return as_select(statements[0])


def as_select(tree: Node) -> Query:
    """Return a tree without parentheses around it.

    Raises:
        BadQuery: it is neither a SELECT nor a UNION.
    """
    while isinstance(tree, exp.Subquery):
        tree = tree.this
    if not isinstance(tree, exp.Select | exp.Union):
        raise BadQuery("Only SELECT is supported by the local server.")
    return tree


def placeholder(node: Node) -> str | None:
    """Return the name of the placeholder that a node stands for, or None."""
    if not isinstance(node, exp.Column) or node.table or not node.name.startswith(_PREFIX):
        return None
    return node.name.removeprefix(_PREFIX)


def as_text(node: Node) -> str:
    """Return an expression as text, as the server names a column without an alias."""
    text: str = node.sql(dialect=HogQL, normalize_functions=False)
    return text


def parts_of(node: Node) -> tuple[str, ...] | None:
    """Return the names of a dotted column, or None for any other expression."""
    if isinstance(node, exp.Dot):
        before = parts_of(node.this)
        return None if before is None else (*before, node.expression.name)
    if not isinstance(node, exp.Column) or isinstance(node.this, exp.Star):
        return None
    return tuple(part.name for part in node.parts)


def _named(found: re.Match[str]) -> str:
    if found["brace"]:
        raise BadQuery("A placeholder is a name in braces.")
    return f" {_PREFIX}{found['name']} " if found["placeholder"] else found[0]
