"""Handlers that delete persons, one at a time and in bulk (contract 6.4, 6.5)."""

from collections.abc import Iterable
from typing import Any, NoReturn

import msgspec

from asyncclient.testing.handlers.handler_context import HandlerContext
from asyncclient.testing.http import envelope
from asyncclient.testing.http.envelope import Response
from asyncclient.testing.tables.uuids import parse_uuid

_MAX_IDS = 1000
# After an error in one of these steps the person is deleted, although the error is reported (contract 6.5).
_STEPS_AFTER_DELETION = frozenset({"log_activity", "publish_clickhouse_tombstone"})
# An error in one of these steps comes before persons are resolved, so its entry names no person.
_STEPS_BEFORE_RESOLVING = frozenset({"resolve_persons"})


class _DeletionFlags(msgspec.Struct, frozen=True, kw_only=True):
    """The flags of a deletion."""

    events: bool
    recordings: bool
    keep: bool


class _ResolvedIds(msgspec.Struct, frozen=True, kw_only=True):
    """The persons of the IDs in a request, each once, and the IDs without a person."""

    keys: list[int]
    unmatched: list[str]


def destroy(context: HandlerContext) -> Response:
    """Delete one person within the call."""
    key = context.person()
    query = context.request.parameters
    # Only presence counts: `delete_events=false` deletes events (contract 6.4).
    flags = _DeletionFlags(
        events="delete_events" in query,
        recordings="delete_recordings" in query and context.options.delete_recordings,
        keep="keep_person" in query and context.options.keep_person,
    )
    _raise_deletion_fault(context)
    _delete(context, [key], flags, queue=False)
    return envelope.empty(204 if context.options.success_status == "documented" else 202)


def bulk_delete(context: HandlerContext) -> Response:
    """Delete up to 1,000 persons, or only their events and recordings."""
    fields = context.fields()
    # Python truthiness: the string "false" is true (contract 6.5).
    flags = _DeletionFlags(
        events=bool(fields.get("delete_events")),
        recordings=bool(fields.get("delete_recordings")) and context.options.delete_recordings,
        keep=bool(fields.get("keep_person")) and context.options.keep_person,
    )
    found = _resolve(context, fields)
    if context.options.unmatched == "400" and flags.events and not found.keys:
        raise envelope.invalid("None of these IDs has a person, so there are no events to delete.")
    context.fail_if_heavy(found.keys)
    if (
        len(found.keys) > 1
        and context.mutations.audit_trail.has_heavy()
        and any(map(context.mutations.audit_trail.is_heavy, found.keys))
    ):
        context.time_out()
    _raise_deletion_fault(context)
    errors = _failures(context, found.keys)
    queue = context.options.era == "queued" and context.options.bulk_delete_async
    failed = {key for key, step in errors.items() if step not in _STEPS_AFTER_DELETION}
    deleted = _delete(context, found.keys, flags, queue=queue, failed=failed)
    if context.options.era == "empty202":
        return envelope.empty(202)
    return envelope.ok(_summary(context, found, flags, deleted=deleted, queue=queue, errors=errors), 202)


def _resolve(context: HandlerContext, fields: dict[str, Any]) -> _ResolvedIds:
    ids, distinct_ids = fields.get("ids"), fields.get("distinct_ids")
    if ids and distinct_ids:
        raise envelope.invalid("You can only specify either distinct_ids or ids, not both")
    for name, given in (("distinct_ids", distinct_ids), ("ids", ids)):
        if not given:
            continue
        # The server does not validate items; anything except a list of UUIDs is an unhandled error.
        if not isinstance(given, (list, str)):
            raise envelope.server_error()
        if len(given) > _MAX_IDS:
            raise envelope.invalid(f"You can only pass {_MAX_IDS} {name} in one call")
        return _look_up(context, given, by_uuid=name == "ids")
    raise envelope.invalid("You need to specify either distinct_ids or ids")


def _look_up(context: HandlerContext, given: Iterable[Any], *, by_uuid: bool) -> _ResolvedIds:
    keys: dict[int, None] = {}
    unmatched: list[str] = []
    store = context.mutations.store
    for item in given:
        if by_uuid:
            raw = parse_uuid(item) if isinstance(item, str) else None
            if raw is None:
                raise envelope.server_error()
            key = store.key_of_uuid(raw)
        else:
            key = store.key_of_distinct_id(str(item))
        if key is None:
            unmatched.append(str(item))
        else:
            keys[key] = None
    return _ResolvedIds(keys=list(keys), unmatched=unmatched)


def _raise_deletion_fault(context: HandlerContext) -> None:
    fault = context.fault_of_kind("person_deletion_failed")
    if fault is not None:
        step = fault.step or _step(context)
        raise envelope.server_error(
            503, code="person_deletion_failed", detail=f"Failed to delete person at step {step}. Please retry."
        )


def _failures(context: HandlerContext, keys: list[int]) -> dict[int, str]:
    fault = context.fault_of_kind("deletion_errors")
    if fault is None:
        return {}
    return dict.fromkeys(keys[: fault.error_count(len(keys))], fault.step or _step(context))


def _step(context: HandlerContext) -> str:
    return "delete_postgres" if context.options.delete_order == "legacy" else "tombstone_postgres"


def _delete(
    context: HandlerContext,
    keys: list[int],
    flags: _DeletionFlags,
    *,
    queue: bool,
    failed: frozenset[int] | set[int] = frozenset(),
) -> int:
    """Delete the persons first, then queue their events (contract 6.4), and return the number of deleted persons."""
    mutations = context.mutations
    effective = context.fault_of_kind("swallow") is None
    to_delete = [] if flags.keep else [key for key in keys if key not in failed]
    if context.fault_of_kind("orphan_events"):
        _leave_orphans(context, to_delete, flags)
    context.applied = effective
    if effective:
        if queue:
            mutations.delete_later(*to_delete, actor=context.actor)
        else:
            mutations.delete(*to_delete, through_api=True, actor=context.actor)
    # Events and recordings of persons whose deletion failed are also queued (contract 6.5).
    if flags.events:
        mutations.request_event_deletion(keys, effective=effective)
    if flags.recordings and effective:
        mutations.request_recording_deletion(keys)
    return len(to_delete)


def _leave_orphans(context: HandlerContext, to_delete: list[int], flags: _DeletionFlags) -> NoReturn:
    """Delete the persons, then fail, so that their events are never queued (contract 6.4)."""
    context.applied = True
    if flags.events:
        context.mutations.request_event_deletion(to_delete, effective=False)
    context.mutations.delete(*to_delete, through_api=True, actor=context.actor)
    raise envelope.server_error()


def _summary(
    context: HandlerContext,
    found: _ResolvedIds,
    flags: _DeletionFlags,
    *,
    deleted: int,
    queue: bool,
    errors: dict[int, str],
) -> dict[str, Any]:
    with_step = context.options.era == "queued"
    summary: dict[str, Any] = {
        "persons_found": len(found.keys),
        "persons_deleted": 0 if queue else deleted,
        "events_queued_for_deletion": flags.events and bool(found.keys),
        "recordings_queued_for_deletion": flags.recordings and bool(found.keys),
        "deletion_errors": [
            {
                "person_uuid": None if step in _STEPS_BEFORE_RESOLVING else context.mutations.table.text(key),
                **({"step": step} if with_step else {}),
            }
            for key, step in errors.items()
        ],
    }
    if with_step:
        summary["persons_queued_for_deletion"] = deleted if queue else 0
    if context.options.unmatched_field is not None:
        summary[context.options.unmatched_field] = found.unmatched
    return summary
