"""Handlers for distinct IDs: splitting a person, and resetting a distinct ID that is used again (contract 6.11, 8)."""

from functools import partial

from asyncclient.testing.handlers.handler_context import HandlerContext
from asyncclient.testing.http import envelope
from asyncclient.testing.http.envelope import Response
from asyncclient.testing.tables.activities import change

_FIELD = "distinct_ids_to_split"


def split(context: HandlerContext) -> Response:
    """Split distinct IDs off a person, after the response."""
    key = context.person()
    fields = context.fields()
    named = fields.get(_FIELD) if context.options.partial_split else None
    main = fields.get("main_distinct_id")
    its = context.mutations.store.distinct_ids(key)
    after = {"distinct_ids": list(its)}
    if named is not None:
        after[_FIELD] = named = _checked(named, main, its)
    if context.fault_of_kind("swallow") is None:
        due_us = context.mutations.now_us() + round(context.options.split_lag_s * 1_000_000)
        context.mutations.schedule(due_us, partial(_split, context, key, named, main))
        context.mutations.advance()
        context.applied = True
    changes = (change("split", after=after),)
    context.mutations.log_activity(
        key, "split_person", changes, name=context.mutations.table.raw(key), actor=context.actor
    )
    return envelope.ok({"success": True}, 201)


def reset_distinct_id(context: HandlerContext) -> Response:
    """Make a distinct ID of a deleted person usable again; the response does not show whether it had an effect."""
    distinct_id = context.fields().get("distinct_id")
    if not distinct_id or not isinstance(distinct_id, str):
        raise envelope.invalid("distinct_id is required")
    if context.fault_of_kind("swallow") is None:
        context.applied = context.mutations.reset_distinct_id(distinct_id)
    return envelope.empty(202)


def _checked(named: object, main: object, its: tuple[str, ...]) -> list[str]:
    if not isinstance(named, list) or not all(isinstance(each, str) for each in named):
        raise envelope.invalid("must be a list of strings", attr=_FIELD)
    if not named:
        raise envelope.invalid("must not be empty", attr=_FIELD)
    if main is not None:
        raise envelope.invalid(f"main_distinct_id cannot be combined with {_FIELD}")
    unknown = sorted(set(named).difference(its))
    if unknown:
        raise envelope.invalid(f"not on this person: {unknown}", attr=_FIELD)
    return named


def _split(
    context: HandlerContext, key: int, named: list[str] | None, main: object, _due_us: int, _now_us: int
) -> None:
    if named is None:
        its = context.mutations.store.distinct_ids(key)
        # The ID to keep is not checked: if it is not one of the person's, all distinct IDs are split off.
        kept = main or next(iter(its), None)
        named = [each for each in its if each != kept]
    context.mutations.split(key, named)
