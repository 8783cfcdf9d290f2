"""The list call (contract 6.1)."""

from array import array

import msgspec

from asyncclient.testing.handlers.handler_context import HandlerContext
from asyncclient.testing.handlers.persons.person_bodies import ListedPerson, listed
from asyncclient.testing.http import envelope
from asyncclient.testing.http.csv import CSV, streamed
from asyncclient.testing.http.envelope import Response
from asyncclient.testing.http.paging import next_link, previous_link
from asyncclient.testing.http.parsed_request import ParsedRequest
from asyncclient.testing.options import ServerOptions
from asyncclient.testing.queries.filters import selection
from asyncclient.testing.tables.offset_sequence import OffsetSequence

_DEFAULT_LIMIT = 100
# What the query layer returns at most, whatever is asked for.
_CEILING = 50_000


class _Page(msgspec.Struct, frozen=True, kw_only=True):
    next: str | None
    previous: str | None
    results: list[ListedPerson]
    count: int | msgspec.UnsetType


def list_persons(job: HandlerContext) -> Response:
    """One page of persons, newest first, or all of them as CSV."""
    job.churn.before_listing()
    job.mutations.advance()
    if job.media == "csv":
        return _export(job)
    call, every = job.call, job.options.unhydratable_every
    limit = _number(call, "limit", _DEFAULT_LIMIT) or _DEFAULT_LIMIT
    offset = _number(call, "offset", 0)
    rows = _rows(job)
    total = len(rows) + (len(rows) // (every - 1) if every else 0)
    fetched = max(0, min(limit, _CEILING, total - offset))
    path = page_path(call, job.options)
    keys = _readable(_fetch(rows, offset, fetched, every), job)
    job.fail_if_heavy(keys)
    return envelope.ok(
        _Page(
            next=next_link(call, path, offset=offset, limit=limit) if fetched >= limit else None,
            previous=previous_link(call, path, offset=offset, limit=limit),
            results=[listed(key, job.mutations, job.options, job.hidden_properties) for key in keys],
            count=total if "include_total" in call.parameters else msgspec.UNSET,
        )
    )


def _export(job: HandlerContext) -> Response:
    """Everybody, whatever limit and offset say, up to a ceiling (contract 6.1)."""
    mutations, options, every = job.mutations, job.options, job.options.unhydratable_every
    rows = _rows(job)
    total = len(rows) + (len(rows) // (every - 1) if every else 0)
    keys = array("I", _readable(_fetch(rows, 0, min(total, options.csv_rows), every), job))
    job.fail_if_heavy(keys)
    hidden = job.hidden_properties
    return Response(
        200,
        content_type=CSV,
        blocks=streamed(lambda: (msgspec.to_builtins(listed(key, mutations, options, hidden)) for key in keys)),
    )


def page_path(call: ParsedRequest, options: ServerOptions) -> str:
    """The path that links carry: that of the rewritten request, where the alias is rewritten."""
    return call.raw_path if options.alias == "plain" else call.successor


def _rows(job: HandlerContext) -> OffsetSequence:
    listing = job.mutations.listing
    wanted = selection(job.call.parameters, job.mutations)
    if wanted is None:
        return listing.rows
    if wanted.candidates is not None:
        matching = [key for key in wanted.candidates if key in listing and wanted.predicate(key)]
        return listing.chosen(matching)
    if wanted.name is None:
        return listing.chosen([key for key in listing.rows if wanted.predicate(key)])
    return listing.select(wanted.name, wanted.predicate)


def _fetch(rows: OffsetSequence, offset: int, count: int, every: int) -> list[int]:
    """The rows of the id query that somebody may stand behind: each n-th has nobody."""
    if not every:
        return rows.page(offset, count)
    return rows.page(offset - offset // every, count - ((offset + count) // every - offset // every))


def _readable(keys: list[int], job: HandlerContext) -> list[int]:
    """The rows that a page shows: those without a person in the store only where the server shows them."""
    if job.options.orphan_rows == "shown":
        return keys
    return [key for key in keys if key in job.mutations.store]


def _number(call: ParsedRequest, name: str, default: int) -> int:
    """A number of the query; what is not one is an unhandled error in the server, so a 500."""
    try:
        number = int(call.parameters.get(name, default))
    except ValueError:
        raise envelope.server_error() from None
    if number < 0:
        raise envelope.server_error()
    return number
