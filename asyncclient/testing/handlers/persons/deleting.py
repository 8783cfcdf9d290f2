"""Deleting persons: one by one and in bulk (contract 6.4, 6.5)."""

from collections.abc import Iterable
from typing import Any, NoReturn

import msgspec

from asyncclient.testing.handlers.handler_context import HandlerContext
from asyncclient.testing.http import envelope
from asyncclient.testing.http.envelope import Response
from asyncclient.testing.tables.uuids import parse

_MOST = 1000
# An error in one of these steps is reported although the person is deleted (contract 6.5).
_DELETED_ALL_THE_SAME = frozenset({"log_activity", "publish_clickhouse_tombstone"})
# Here the failure comes before anybody is known, so the entry names nobody.
_NOBODY_YET = frozenset({"resolve_persons"})


class _Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be done with the persons found."""

    events: bool
    recordings: bool
    keep: bool


class _Found(msgspec.Struct, frozen=True, kw_only=True):
    """Whom the ids of a request stand for, each person once, and the ids that stand for nobody."""

    keys: list[int]
    unmatched: list[str]


def destroy(job: HandlerContext) -> Response:
    """Delete one person within the call."""
    key = job.person()
    flags = job.call.parameters
    # Only presence counts: `delete_events=false` deletes events (contract 6.4).
    asked = _Asked(
        events="delete_events" in flags,
        recordings="delete_recordings" in flags and job.options.delete_recordings,
        keep="keep_person" in flags and job.options.keep_person,
    )
    _fail_if_struck(job)
    _take_away(job, [key], asked, queue=False)
    return envelope.empty(204 if job.options.success_status == "documented" else 202)


def bulk_delete(job: HandlerContext) -> Response:
    """Delete up to 1000 persons, or only their events and recordings."""
    fields = job.fields()
    # Python truthiness: the string "false" is true (contract 6.5).
    asked = _Asked(
        events=bool(fields.get("delete_events")),
        recordings=bool(fields.get("delete_recordings")) and job.options.delete_recordings,
        keep=bool(fields.get("keep_person")) and job.options.keep_person,
    )
    found = _resolve(job, fields)
    if job.options.unmatched == "400" and asked.events and not found.keys:
        raise envelope.invalid("None of these ids has a person, so there are no events to delete.")
    job.fail_if_heavy(found.keys)
    if (
        len(found.keys) > 1
        and job.mutations.audit_trail.any_heavy()
        and any(map(job.mutations.audit_trail.heavy, found.keys))
    ):
        job.time_out()
    _fail_if_struck(job)
    errors = _failures(job, found.keys)
    queue = job.options.era == "queued" and job.options.bulk_delete_async
    failed = {key for key, step in errors.items() if step not in _DELETED_ALL_THE_SAME}
    gone = _take_away(job, found.keys, asked, queue=queue, failed=failed)
    if job.options.era == "empty202":
        return envelope.empty(202)
    return envelope.ok(_summary(job, found, asked, gone=gone, queue=queue, errors=errors), 202)


def _resolve(job: HandlerContext, fields: dict[str, Any]) -> _Found:
    ids, distinct_ids = fields.get("ids"), fields.get("distinct_ids")
    if ids and distinct_ids:
        raise envelope.invalid("You can only specify either distinct_ids or ids, not both")
    for name, given in (("distinct_ids", distinct_ids), ("ids", ids)):
        if not given:
            continue
        # Items are not validated there; what is no list or holds no UUID is an unhandled error.
        if not isinstance(given, (list, str)):
            raise envelope.server_error()
        if len(given) > _MOST:
            raise envelope.invalid(f"You can only pass {_MOST} {name} in one call")
        return _look_up(job, given, by_uuid=name == "ids")
    raise envelope.invalid("You need to specify either distinct_ids or ids")


def _look_up(job: HandlerContext, given: Iterable[Any], *, by_uuid: bool) -> _Found:
    keys: dict[int, None] = {}
    unmatched: list[str] = []
    store = job.mutations.store
    for item in given:
        if by_uuid:
            raw = parse(item) if isinstance(item, str) else None
            if raw is None:
                raise envelope.server_error()
            key = store.key_of_uuid(raw)
        else:
            key = store.key_of_distinct_id(str(item))
        if key is None:
            unmatched.append(str(item))
        else:
            keys[key] = None
    return _Found(keys=list(keys), unmatched=unmatched)


def _fail_if_struck(job: HandlerContext) -> None:
    fault = job.struck_by("person_deletion_failed")
    if fault is not None:
        step = fault.step or _step(job)
        raise envelope.server_error(
            503, code="person_deletion_failed", detail=f"Failed to delete person at step {step}. Please retry."
        )


def _failures(job: HandlerContext, keys: list[int]) -> dict[int, str]:
    fault = job.struck_by("deletion_errors")
    if fault is None:
        return {}
    return dict.fromkeys(keys[: fault.chosen(len(keys))], fault.step or _step(job))


def _step(job: HandlerContext) -> str:
    return "delete_postgres" if job.options.delete_order == "legacy" else "tombstone_postgres"


def _take_away(
    job: HandlerContext, keys: list[int], asked: _Asked, *, queue: bool, failed: frozenset[int] | set[int] = frozenset()
) -> int:
    """Do it, persons first and events after (contract 6.4); returns how many persons go."""
    mutations = job.mutations
    effective = job.struck_by("swallow") is None
    going = [] if asked.keep else [key for key in keys if key not in failed]
    if job.struck_by("orphan_events"):
        _leave_orphans(job, going, asked)
    job.applied = effective
    if effective:
        if queue:
            mutations.delete_later(*going, by=job.by)
        else:
            mutations.delete(*going, through_api=True, by=job.by)
    # Events and recordings of persons whose deletion failed are queued all the same (contract 6.5).
    if asked.events:
        mutations.ask_for_events(keys, effective=effective)
    if asked.recordings and effective:
        mutations.ask_for_recordings(keys)
    return len(going)


def _leave_orphans(job: HandlerContext, going: list[int], asked: _Asked) -> NoReturn:
    """The persons are gone, then a step fails, and their events are never queued (contract 6.4)."""
    job.applied = True
    if asked.events:
        job.mutations.ask_for_events(going, effective=False)
    job.mutations.delete(*going, through_api=True, by=job.by)
    raise envelope.server_error()


def _summary(
    job: HandlerContext, found: _Found, asked: _Asked, *, gone: int, queue: bool, errors: dict[int, str]
) -> dict[str, Any]:
    with_step = job.options.era == "queued"
    summary: dict[str, Any] = {
        "persons_found": len(found.keys),
        "persons_deleted": 0 if queue else gone,
        "events_queued_for_deletion": asked.events and bool(found.keys),
        "recordings_queued_for_deletion": asked.recordings and bool(found.keys),
        "deletion_errors": [
            {
                "person_uuid": None if step in _NOBODY_YET else job.mutations.table.text(key),
                **({"step": step} if with_step else {}),
            }
            for key, step in errors.items()
        ],
    }
    if with_step:
        summary["persons_queued_for_deletion"] = gone if queue else 0
    if job.options.unmatched_field is not None:
        summary[job.options.unmatched_field] = found.unmatched
    return summary
