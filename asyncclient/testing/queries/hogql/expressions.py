"""Compiles the expressions of a query into functions of a row. Pure.

A condition is True, False or None for null, as in SQL. Whatever is not listed here is refused.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Protocol

from sqlglot import exp

from asyncclient.testing.queries.hogql.comparing import HOLDS, as_string, as_time, as_uuid, compared, like
from asyncclient.testing.queries.hogql.functions import FUNCTIONS
from asyncclient.testing.queries.hogql.syntax import BadQuery, Node, Query, as_select, as_text, parts_of, placeholder

Value = Callable[[Any], Any]
"""Returns the value of an expression in a row."""


class Scope(Protocol):
    """What the names in an expression mean."""

    @property
    def values(self) -> Mapping[str, Any]:
        """The values of placeholders by name."""

    @property
    def now(self) -> datetime:
        """The time by the server's clock."""

    def column(self, parts: tuple[str, ...]) -> Value:
        """Return a column; raises BadQuery for one that does not exist."""

    def has_property(self, parts: tuple[str, ...], key: str) -> Value:
        """Return whether the properties in a column have a key, null included."""

    def special(self, node: Node) -> Value | None:
        """Return the value of a node that means something else here than elsewhere, or None."""

    def selected(self, select: Query) -> Sequence[Any]:
        """Return the only column of a subquery."""


def compile_expression(node: Node, scope: Scope) -> Value:
    """Return an expression as a function of a row.

    Raises:
        BadQuery: the local server does not evaluate it.
    """
    if (special := scope.special(node)) is not None:
        return special
    if (name := placeholder(node)) is not None:
        value = _value(name, scope)
        return lambda _: value
    if (parts := parts_of(node)) is not None:
        return scope.column(parts)
    compiler = _COMPILERS.get(type(node))
    if compiler is None:
        raise BadQuery(f"Not evaluated by the local server: {as_text(node)[:100]}")
    return compiler(node, scope)


def constant(node: Node, scope: Scope) -> Any:
    """Return the value of a literal or placeholder.

    Raises:
        BadQuery: it is another expression.
    """
    while isinstance(node, exp.Paren):
        node = node.this
    is_constant = isinstance(node, exp.Literal | exp.Boolean | exp.Null | exp.Neg) or placeholder(node) is not None
    if not is_constant:
        raise BadQuery(f"Only a constant is evaluated here by the local server: {as_text(node)[:100]}")
    return compile_expression(node, scope)(None)


def _value(name: str, scope: Scope) -> Any:
    if name not in scope.values:
        raise BadQuery(f"Placeholder {name} is not in values.")
    return scope.values[name]


def _literal(node: exp.Literal, _scope: Scope) -> Value:
    text: str = node.this
    try:
        value: Any = text if node.is_string else int(text) if text.isdigit() else float(text)
    except ValueError:
        raise BadQuery("A number cannot be parsed.") from None
    return lambda _: value


def _boolean(node: exp.Boolean, _scope: Scope) -> Value:
    value = bool(node.this)
    return lambda _: value


def _negative(node: exp.Neg, scope: Scope) -> Value:
    value = constant(node.this, scope)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise BadQuery("Only a number has a negative.")
    return lambda _: -value


def _and(node: exp.And, scope: Scope) -> Value:
    left, right = compile_expression(node.left, scope), compile_expression(node.right, scope)

    def both(row: Any) -> bool | None:
        first = left(row)
        if first is not None and not first:
            return False
        second = right(row)
        if second is not None and not second:
            return False
        return None if first is None or second is None else True

    return both


def _or(node: exp.Or, scope: Scope) -> Value:
    left, right = compile_expression(node.left, scope), compile_expression(node.right, scope)

    def either(row: Any) -> bool | None:
        first = left(row)
        if first:
            return True
        second = right(row)
        if second:
            return True
        return None if first is None or second is None else False

    return either


def _negated(condition: Value) -> Value:
    def negated(row: Any) -> bool | None:
        value = condition(row)
        return None if value is None else not value

    return negated


def _not(node: exp.Not, scope: Scope) -> Value:
    return _negated(compile_expression(node.this, scope))


def _comparison(node: exp.Binary, scope: Scope) -> Value:
    left, right, holds = compile_expression(node.left, scope), compile_expression(node.right, scope), HOLDS[node.key]
    return lambda row: compared(holds, left(row), right(row))


def _between(node: exp.Between, scope: Scope) -> Value:
    low = exp.GTE(this=node.this, expression=node.args["low"])
    high = exp.LTE(this=node.this, expression=node.args["high"])
    return _and(exp.And(this=low, expression=high), scope)


def _is(node: exp.Is, scope: Scope) -> Value:
    if not isinstance(node.expression, exp.Null):
        raise BadQuery("IS is only evaluated with NULL by the local server.")
    value = compile_expression(node.this, scope)
    return lambda row: value(row) is None


def _in(node: exp.In, scope: Scope) -> Value:
    value, members = compile_expression(node.this, scope), _members(node, scope)
    by_kind: dict[type, frozenset[Any]] = {}

    def contained(row: Any) -> bool | None:
        found = value(row)
        if found is None:
            return None
        kind = type(found)
        if kind not in by_kind:
            by_kind[kind] = frozenset(_as_kind(found, member) for member in members if member is not None)
        return found in by_kind[kind]

    return contained


def _members(node: exp.In, scope: Scope) -> Sequence[Any]:
    if (query := node.args.get("query")) is not None:
        return scope.selected(as_select(query))
    field = node.args.get("field")
    if field is None:
        return [constant(each, scope) for each in node.expressions]
    name = placeholder(field)
    found = None if name is None else _value(name, scope)
    if not isinstance(found, list):
        raise BadQuery("IN takes a list of constants, a list in values, or a subquery.")
    return found


def _as_kind(like_this: Any, member: Any) -> Any:
    """Return a member of a list as a value of the type of the other side."""
    if isinstance(like_this, bytes):
        return as_uuid(member)
    if isinstance(like_this, datetime):
        return as_time(member)
    return as_string(member) if isinstance(like_this, str) else member


def _like(node: exp.Like | exp.ILike, scope: Scope) -> Value:
    value, pattern = compile_expression(node.this, scope), constant(node.expression, scope)
    if not isinstance(pattern, str):
        raise BadQuery("LIKE takes a string.")
    matches = like(pattern, ignore_case=isinstance(node, exp.ILike))

    def test(row: Any) -> bool | None:
        text = as_string(value(row))
        return None if text is None else matches(text)

    return _negated(test) if node.args.get("negate") else test


def _bracket(node: exp.Bracket, scope: Scope) -> Value:
    parts = parts_of(node.this)
    if parts is None or parts[-1] != "properties" or len(node.expressions) != 1:
        raise BadQuery("Brackets are only evaluated after properties by the local server.")
    return scope.column((*parts, _key(node.expressions[0], scope)))


def _key(node: Node, scope: Scope) -> str:
    key = constant(node, scope)
    if not isinstance(key, str):
        raise BadQuery("The name of a property must be a string.")
    return key


_UNITS = {"SECOND": 1, "MINUTE": 60, "HOUR": 3600, "DAY": 86_400, "WEEK": 7 * 86_400}


def _interval(node: exp.Interval, _scope: Scope) -> Value:
    unit = str(node.args.get("unit", "")).upper().removesuffix("S")
    text = node.this.name if isinstance(node.this, exp.Literal) else ""
    if unit not in _UNITS or not text.isdigit():
        raise BadQuery("This interval is not evaluated by the local server.")
    return _lasting(int(text) * _UNITS[unit])


def _lasting(seconds: int) -> Value:
    try:
        lasting = timedelta(seconds=seconds)
    except OverflowError:
        raise BadQuery("The interval is too long.") from None
    return lambda _: lasting


def _shifted(node: exp.Add | exp.Sub, scope: Scope) -> Value:
    left, right = compile_expression(node.left, scope), compile_expression(node.right, scope)
    sign = 1 if isinstance(node, exp.Add) else -1

    def shift(row: Any) -> datetime | None:
        moment, lasting = left(row), right(row)
        if moment is None:
            return None
        if not isinstance(moment, datetime) or not isinstance(lasting, timedelta):
            raise BadQuery("Only a time and an interval are added by the local server.")
        try:
            return moment + sign * lasting
        except OverflowError:
            raise BadQuery("The time is out of range.") from None

    return shift


def _call(node: exp.Anonymous, scope: Scope) -> Value:
    name, arguments = str(node.this), node.expressions
    if name in ("now", "today") and not arguments:
        now = scope.now if name == "now" else scope.now.replace(hour=0, minute=0, second=0, microsecond=0)
        return lambda _: now
    if name in ("JSONHas", "JSONExtractString") and len(arguments) == 2:
        parts = parts_of(arguments[0])
        if parts is None or parts[-1] != "properties":
            raise BadQuery(f"{name} is only evaluated on properties by the local server.")
        key = _key(arguments[1], scope)
        return scope.has_property(parts, key) if name == "JSONHas" else scope.column((*parts, key))
    if name.startswith("toInterval") and len(arguments) == 1:
        count = constant(arguments[0], scope)
        unit = name.removeprefix("toInterval").upper()
        if unit in _UNITS and type(count) is int:
            return _lasting(count * _UNITS[unit])
    if name in FUNCTIONS and len(arguments) == 1:
        function, value = FUNCTIONS[name], compile_expression(arguments[0], scope)
        return lambda row: function(value(row))
    raise BadQuery(f"Not evaluated by the local server: {as_text(node)[:100]}")


_COMPILERS: dict[type, Callable[[Any, Scope], Value]] = {
    exp.Paren: lambda node, scope: compile_expression(node.this, scope),
    exp.Literal: _literal,
    exp.Boolean: _boolean,
    exp.Null: lambda _node, _scope: lambda _: None,
    exp.Neg: _negative,
    exp.And: _and,
    exp.Or: _or,
    exp.Not: _not,
    **dict.fromkeys((exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE), _comparison),
    exp.Between: _between,
    exp.Is: _is,
    exp.In: _in,
    exp.Like: _like,
    exp.ILike: _like,
    exp.Bracket: _bracket,
    exp.Interval: _interval,
    exp.Add: _shifted,
    exp.Sub: _shifted,
    exp.Anonymous: _call,
}
