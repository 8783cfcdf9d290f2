"""Handler of the list call (contract 6.1)."""

from array import array

import msgspec

from asyncclient.testing.handlers.handler_context import HandlerContext
from asyncclient.testing.handlers.persons.person_bodies import ListedPerson, listed_person
from asyncclient.testing.http import envelope
from asyncclient.testing.http.csv import CSV, stream_rows
from asyncclient.testing.http.envelope import Response
from asyncclient.testing.http.paging import next_link, previous_link
from asyncclient.testing.http.parsed_request import ParsedRequest
from asyncclient.testing.options import ServerOptions
from asyncclient.testing.queries.filters import parse_filters
from asyncclient.testing.tables.offset_sequence import OffsetSequence

_DEFAULT_LIMIT = 100
# The most rows that the query layer returns, whatever the limit.
_CEILING = 50_000


class _Page(msgspec.Struct, frozen=True, kw_only=True):
    next: str | None
    previous: str | None
    results: list[ListedPerson]
    count: int | msgspec.UnsetType


def list_persons(context: HandlerContext) -> Response:
    """Return one page of persons, the newest first, or all of them as CSV."""
    context.churn.before_listing()
    context.mutations.advance()
    if context.response_format == "csv":
        return _export(context)
    request, every = context.request, context.options.unhydratable_every
    limit = _number(request, "limit", _DEFAULT_LIMIT) or _DEFAULT_LIMIT
    offset = _number(request, "offset", 0)
    rows = _rows(context)
    total = len(rows) + (len(rows) // (every - 1) if every else 0)
    fetched = max(0, min(limit, _CEILING, total - offset))
    path = page_path(request, context.options)
    keys = _readable(_fetch(rows, offset, fetched, every), context)
    context.fail_if_heavy(keys)
    return envelope.ok(
        _Page(
            next=next_link(request, path, offset=offset, limit=limit) if fetched >= limit else None,
            previous=previous_link(request, path, offset=offset, limit=limit),
            results=[listed_person(key, context.mutations, context.options, context.hidden_properties) for key in keys],
            count=total if "include_total" in request.parameters else msgspec.UNSET,
        )
    )


def _export(context: HandlerContext) -> Response:
    """Return all persons as CSV up to a cap; limit and offset are ignored (contract 6.1)."""
    mutations, options, every = context.mutations, context.options, context.options.unhydratable_every
    rows = _rows(context)
    total = len(rows) + (len(rows) // (every - 1) if every else 0)
    keys = array("I", _readable(_fetch(rows, 0, min(total, options.csv_rows), every), context))
    context.fail_if_heavy(keys)
    hidden = context.hidden_properties
    return Response(
        200,
        content_type=CSV,
        blocks=stream_rows(
            lambda: (msgspec.to_builtins(listed_person(key, mutations, options, hidden)) for key in keys)
        ),
    )


def page_path(request: ParsedRequest, options: ServerOptions) -> str:
    """Return the path for links: the canonical one, unless the alias is served without rewriting."""
    return request.raw_path if options.alias == "plain" else request.successor


def _rows(context: HandlerContext) -> OffsetSequence:
    listing = context.mutations.listing
    wanted = parse_filters(context.request.parameters, context.mutations)
    if wanted is None:
        return listing.rows
    if wanted.candidates is not None:
        matching = [key for key in wanted.candidates if key in listing and wanted.predicate(key)]
        return listing.chosen(matching)
    if wanted.name is None:
        return listing.chosen([key for key in listing.rows if wanted.predicate(key)])
    return listing.select(wanted.name, wanted.predicate)


def _fetch(rows: OffsetSequence, offset: int, count: int, every: int) -> list[int]:
    """Return a range of the row query without every n-th row, which has no person."""
    if not every:
        return rows.page(offset, count)
    return rows.page(offset - offset // every, count - ((offset + count) // every - offset // every))


def _readable(keys: list[int], context: HandlerContext) -> list[int]:
    """Return the rows that a page shows; rows without a person in the store only if the option says so."""
    if context.options.orphan_rows == "shown":
        return keys
    return [key for key in keys if key in context.mutations.store]


def _number(request: ParsedRequest, name: str, default: int) -> int:
    """Return a number of the query; anything else is an unhandled error in the server, so a 500."""
    try:
        number = int(request.parameters.get(name, default))
    except ValueError:
        raise envelope.server_error() from None
    if number < 0:
        raise envelope.server_error()
    return number
