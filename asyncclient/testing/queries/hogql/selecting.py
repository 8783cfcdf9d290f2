"""Evaluates a query over the tables: FROM, WHERE, GROUP BY, HAVING, ORDER BY and LIMIT (contract 12).

Pages of persons by UUID cost as much as they show, whatever the number of persons: rows come in the order of UUIDs,
from the mark on.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import islice
from typing import Any

import msgspec
from sqlglot import exp

from asyncclient.testing.queries.hogql.comparing import sort_key
from asyncclient.testing.queries.hogql.expressions import Value, compile_expression, constant
from asyncclient.testing.queries.hogql.syntax import (
    BadQuery,
    Node,
    Query,
    as_select,
    as_text,
    parse_select,
    parts_of,
    placeholder,
)
from asyncclient.testing.queries.hogql.tables import TABLES, Persons, Selected, Table
from asyncclient.testing.state.mutations import Mutations
from asyncclient.testing.tables.uuids import format_uuid, parse_uuid

MAX_ROWS = 50_000
_DEFAULT_ROWS = 100
_CLAUSES = frozenset({"expressions", "distinct", "from", "from_", "where", "group", "having", "order", "limit"})
_AGGREGATES: dict[str, Callable[[list[Any]], Any]] = {
    "count": len,
    "groupUniqArray": lambda found: list(dict.fromkeys(found)),
    "min": lambda found: min(found, key=sort_key, default=None),
    "max": lambda found: max(found, key=sort_key, default=None),
}


class Rows(msgspec.Struct, frozen=True):
    """The result of a query: names of the columns, rows, whether there are more, and the limit."""

    names: list[str]
    rows: list[tuple[Any, ...]]
    has_more: bool
    limit: int


def run_query(
    text: str, values: Mapping[str, Any], mutations: Mutations, *, default_limit: int | None = _DEFAULT_ROWS
) -> Rows:
    """Return the rows of a query.

    Arguments:
        default_limit: the most rows of a query without a LIMIT; None for all.

    Raises:
        BadQuery: the local server does not evaluate the query.
    """
    try:
        return _run(parse_select(text), values, mutations, default_limit=default_limit)
    except RecursionError:
        raise BadQuery("The query is nested too deep.") from None


def _run(select: Query, values: Mapping[str, Any], mutations: Mutations, *, default_limit: int | None = None) -> Rows:
    if isinstance(select, exp.Union):
        return _union(select, values, mutations, default_limit)
    _check_clauses(select)
    table, alias = _table(select, values, mutations)
    scope = _RowScope(table, alias, values, mutations)
    wanted = _wanted(select, table)
    limit = _limit(select, scope, default_limit)
    order = [(one.this, bool(one.args.get("desc"))) for one in _list(select, "order")]
    aliases = {each.alias: each.this for each in wanted if isinstance(each, exp.Alias)}
    named = _AliasScope(scope, aliases)
    rows, is_ordered = _ordered_rows(select, table, alias, order, named)
    if (where := select.args.get("where")) is not None:
        rows = _filtered(rows, compile_expression(where.this, named))
    if (group := select.args.get("group")) is not None:
        scope, rows, is_ordered = _grouped(group, rows, named)
        named = _AliasScope(scope, aliases)
    if (having := select.args.get("having")) is not None:
        if group is None:
            raise BadQuery("HAVING needs GROUP BY.")
        rows = _filtered(rows, compile_expression(having.this, named))
    columns = [compile_expression(each.unalias(), scope) for each in wanted]
    if not is_ordered:
        rows = list(rows)
        for node, is_descending in reversed(order):
            value = compile_expression(node, named)
            rows.sort(key=lambda row, value=value: sort_key(value(row)), reverse=is_descending)  # type: ignore[misc]
    shown: Iterator[tuple[Any, ...]] = (tuple(column(row) for column in columns) for row in rows)
    if select.args.get("distinct"):
        shown = _distinct(shown)
    found = list(shown) if limit is None else list(islice(shown, limit + 1))
    names = [each.alias or _name(each) for each in wanted]
    return Rows(names, found[:limit], limit is not None and len(found) > limit, limit or 0)


def _union(union: exp.Union, values: Mapping[str, Any], mutations: Mutations, limit: int | None) -> Rows:
    """Return the rows of both sides, under the names of the first."""
    given = {name for name, value in union.args.items() if value} - {"this", "expression", "distinct"}
    if given:
        raise BadQuery(f"Not evaluated by the local server: {min(given).strip('_').upper()} after UNION")
    first, second = (_run(as_select(side), values, mutations) for side in (union.this, union.expression))
    if len(first.names) != len(second.names):
        raise BadQuery("The queries of a UNION have different numbers of columns.")
    rows = first.rows + second.rows
    if union.args.get("distinct"):
        rows = list(_distinct(rows))
    return Rows(first.names, rows[:limit], limit is not None and len(rows) > limit, limit or 0)


def _check_clauses(select: exp.Select) -> None:
    given = {name for name, value in select.args.items() if value}
    if "offset" in given:
        # Personal keys may not use OFFSET; they page by comparing the UUID.
        raise BadQuery("OFFSET is not supported for queries with a personal API key.")
    if unknown := given - _CLAUSES:
        raise BadQuery(f"Not evaluated by the local server: {min(unknown).strip('_').upper()}")
    distinct = select.args.get("distinct")
    if distinct is not None and any(distinct.args.values()):
        raise BadQuery("Not evaluated by the local server: DISTINCT ON")
    limit = select.args.get("limit")
    if limit is not None and (not isinstance(limit, exp.Limit) or limit.args.get("expressions")):
        raise BadQuery("Not evaluated by the local server: LIMIT BY")


def _table(select: exp.Select, values: Mapping[str, Any], mutations: Mutations) -> tuple[Table, tuple[str, ...]]:
    """Return the table of FROM, and the names that may stand before its columns."""
    source = select.args.get("from_") or select.args.get("from")
    if source is None:
        raise BadQuery("The local server needs a FROM.")
    node = source.this
    if isinstance(node, exp.Subquery):
        inner = _run(as_select(node), values, mutations)
        return Selected(inner.names, inner.rows), (node.alias,) if node.alias else ()
    extra = {name for name, value in node.args.items() if value} - {"this", "alias"}
    if not isinstance(node, exp.Table) or extra:
        raise BadQuery("The local server evaluates one table or subquery in FROM.")
    if node.name not in TABLES:
        raise BadQuery(f"Unknown table `{node.name[:100]}`.")
    return TABLES[node.name](mutations), (node.name, node.alias) if node.alias else (node.name,)


def _wanted(select: exp.Select, table: Table) -> list[Node]:
    """Return the columns of a query; `*` is all those of a subquery."""
    wanted = select.expressions
    if isinstance(table, Selected) and len(wanted) == 1 and isinstance(wanted[0], exp.Star):
        return [exp.column(name, quoted=True) for name in table.names]
    if not wanted or any(isinstance(each, exp.Star) for each in wanted):
        raise BadQuery("The local server evaluates named columns only.")
    return wanted


def _list(select: exp.Select, clause: str) -> list[Any]:
    node = select.args.get(clause)
    return [] if node is None else node.expressions


def _limit(select: exp.Select, scope: "_RowScope", default: int | None) -> int | None:
    node = select.args.get("limit")
    if node is None:
        return default
    limit = constant(node.expression, scope)
    if type(limit) is not int or limit < 0:
        raise BadQuery("LIMIT must be a number.")
    return min(limit, MAX_ROWS)


def _name(node: Node) -> str:
    parts = parts_of(node)
    return as_text(node) if parts is None else parts[-1]


def _filtered(rows: Iterable[Any], condition: Value) -> Iterator[Any]:
    return (row for row in rows if condition(row))


def _distinct(rows: Iterable[tuple[Any, ...]]) -> Iterator[tuple[Any, ...]]:
    seen: set[str] = set()
    for row in rows:
        key = repr(row)
        if key not in seen:
            seen.add(key)
            yield row


def _ordered_rows(
    select: exp.Select, table: Table, alias: tuple[str, ...], order: list[tuple[Any, bool]], scope: "_AliasScope"
) -> tuple[Iterable[Any], bool]:
    """Return the rows of a table, and whether they are in the order of the query already."""
    if not order:
        return table.rows(), True
    node, is_descending = order[0]
    by_text = _uuid_order(scope.without_alias(node), alias)
    if not isinstance(table, Persons) or by_text is None or is_descending or select.args.get("group"):
        return table.rows(), False
    return table.after(_mark(select, node, scope), by_text=by_text), True


def _uuid_order(node: Node, alias: tuple[str, ...]) -> bool | None:
    """Return whether an expression is the UUID of a person as text, or the UUID itself; None for any other."""
    by_text = isinstance(node, exp.Anonymous) and node.this == "toString" and len(node.expressions) == 1
    parts = parts_of(node.expressions[0] if by_text else node)
    is_id = parts is not None and parts[-1] == "id" and parts[:-1] in ((), *((name,) for name in alias))
    return by_text if is_id else None


def _mark(select: exp.Select, node: Node, scope: "_AliasScope") -> bytes | None:
    """Return the UUID after which the rows begin, from a condition `UUID > constant` that every row must meet."""
    where = select.args.get("where")
    for condition in [] if where is None else where.this.flatten() if isinstance(where.this, exp.And) else [where.this]:
        if not isinstance(condition, exp.GT) or condition.left != node:
            continue
        right = condition.right
        if isinstance(right, exp.Literal) or placeholder(right) is not None:
            value = constant(right, scope)
            raw = parse_uuid(value) if isinstance(value, str) else None
            return raw if raw is not None and format_uuid(raw) == value else None
    return None


class _RowScope:
    """The names in expressions about the rows of one table."""

    def __init__(self, table: Table, alias: tuple[str, ...], values: Mapping[str, Any], mutations: Mutations) -> None:
        self._table = table
        self._alias = alias
        self._mutations = mutations
        self.values = values
        self.now = datetime.fromtimestamp(mutations.clock(), UTC)

    def column(self, parts: tuple[str, ...]) -> Value:
        return self._table.column(self._bare(parts))

    def has_property(self, parts: tuple[str, ...], key: str) -> Value:
        return self._table.has_property(self._bare(parts), key)

    def special(self, _node: Node) -> Value | None:
        return None

    def selected(self, select: Query) -> Sequence[Any]:
        found = _run(select, self.values, self._mutations)
        if len(found.names) != 1:
            raise BadQuery("A subquery for IN selects one column.")
        return [row[0] for row in found.rows]

    def _bare(self, parts: tuple[str, ...]) -> tuple[str, ...]:
        return parts[1:] if len(parts) > 1 and parts[0] in self._alias else parts


class _GroupScope(_RowScope):
    """The names in expressions about groups of rows: a row is the values of GROUP BY, and the rows of the group."""

    def __init__(self, rows: _RowScope, by: Sequence[Node]) -> None:
        self.__dict__.update(rows.__dict__)
        self._rows = rows
        self._by = list(by)

    def column(self, parts: tuple[str, ...]) -> Value:
        raise BadQuery(f"Column {'.'.join(parts)[:100]} is neither in GROUP BY nor in an aggregate function.")

    def special(self, node: Node) -> Value | None:
        if node in self._by:
            index = self._by.index(node)
            return lambda group: group[0][index]
        if not isinstance(node, exp.Anonymous) or node.this not in _AGGREGATES:
            return None
        aggregate, arguments = _AGGREGATES[str(node.this)], node.expressions
        if not arguments and node.this == "count":
            return lambda group: len(group[1])
        if len(arguments) != 1 or isinstance(arguments[0], exp.Distinct):
            raise BadQuery(f"Not evaluated by the local server: {as_text(node)[:100]}")
        value = compile_expression(arguments[0], self._rows)
        return lambda group: aggregate([each for row in group[1] if (each := value(row)) is not None])


class _AliasScope(_RowScope):
    """The same names, and the aliases of the columns, which come first (contract 12)."""

    def __init__(self, rows: _RowScope, aliases: Mapping[str, Node]) -> None:
        self.__dict__.update(rows.__dict__)
        self._rows = rows
        self._aliases = aliases

    def column(self, parts: tuple[str, ...]) -> Value:
        return self._rows.column(parts)

    def without_alias(self, node: Node) -> Node:
        """Return the expression that an alias stands for, or the node itself."""
        return self._aliases.get(node.name, node) if parts_of(node) == (node.name,) else node

    def special(self, node: Node) -> Value | None:
        meant = self.without_alias(node)
        return self._rows.special(node) if meant is node else compile_expression(meant, self._rows)


def _grouped(group: exp.Group, rows: Iterable[Any], scope: _RowScope) -> tuple[_RowScope, Iterable[Any], bool]:
    """Return the scope and the rows of groups."""
    if {name for name, value in group.args.items() if value} - {"expressions"}:
        raise BadQuery("The local server evaluates GROUP BY with expressions only.")
    keys = [compile_expression(each, scope) for each in group.expressions]
    groups: dict[tuple[Any, ...], list[Any]] = {}
    for row in rows:
        groups.setdefault(tuple(key(row) for key in keys), []).append(row)
    return _GroupScope(scope, group.expressions), list(groups.items()), False
