"""Whose distinct ids are: splitting a person, and freeing a distinct id that was used again (contract 6.11, 8)."""

from functools import partial

from asyncclient.testing.handlers.handler_context import HandlerContext
from asyncclient.testing.http import envelope
from asyncclient.testing.http.envelope import Response
from asyncclient.testing.tables.activities import change

_FIELD = "distinct_ids_to_split"


def split(job: HandlerContext) -> Response:
    """Split distinct ids off a person; it is answered before it is done."""
    key = job.person()
    fields = job.fields()
    named = fields.get(_FIELD) if job.options.partial_split else None
    main = fields.get("main_distinct_id")
    its = job.mutations.store.distinct_ids(key)
    after = {"distinct_ids": list(its)}
    if named is not None:
        after[_FIELD] = named = _checked(named, main, its)
    if job.struck_by("swallow") is None:
        due_us = job.mutations.now_us() + round(job.options.split_lag_s * 1_000_000)
        job.mutations.later(due_us, partial(_split, job, key, named, main))
        job.mutations.advance()
        job.applied = True
    changes = (change("split", after=after),)
    job.mutations.log_activity(key, "split_person", changes, name=job.mutations.table.raw(key), by=job.by)
    return envelope.ok({"success": True}, 201)


def reset_distinct_id(job: HandlerContext) -> Response:
    """Let a distinct id be used again after its person was deleted; nobody is told whether that changed anything."""
    distinct_id = job.fields().get("distinct_id")
    if not distinct_id or not isinstance(distinct_id, str):
        raise envelope.invalid("distinct_id is required")
    if job.struck_by("swallow") is None:
        job.applied = job.mutations.reset_distinct_id(distinct_id)
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


def _split(job: HandlerContext, key: int, named: list[str] | None, main: object, _due_us: int, _now_us: int) -> None:
    if named is None:
        its = job.mutations.store.distinct_ids(key)
        # The id to keep is not checked: where it is nobody's or another's, every distinct id goes.
        kept = main or next(iter(its), None)
        named = [each for each in its if each != kept]
    job.mutations.split(key, named)
