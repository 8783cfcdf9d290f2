"""Changing properties one person at a time: each call captures an event, and answers before it is applied.

Contract 6.3, 6.8, 6.11.
"""

from collections.abc import Mapping
from typing import Any

from asyncclient.testing.handlers.handler_context import HandlerContext
from asyncclient.testing.http import envelope
from asyncclient.testing.http.envelope import Refusal, Response
from asyncclient.testing.tables.activities import change


def update(job: HandlerContext) -> Response:
    """Set properties of a person (PATCH and PUT alike); everything but `properties` is ignored."""
    properties = job.fields().get("properties")
    # Before the person is looked up, so it comes before a 404 (contract 6.3).
    if properties is None:
        raise _required("properties")
    _set(job, properties)
    return envelope.empty(200 if job.options.success_status == "documented" else 202)


def update_property(job: HandlerContext) -> Response:
    """Set one property of a person, null included."""
    fields = job.fields()
    if "value" not in fields:
        raise _required("value")
    if fields.get("key") is None:
        raise _required("key")
    if not isinstance(fields["key"], str):
        raise envelope.server_error()
    _set(job, {fields["key"]: fields["value"]})
    return envelope.empty(202)


def delete_property(job: HandlerContext) -> Response:
    """Remove a property of a person: the key is read from the body alone (contract 6.8)."""
    fields = job.fields()
    # This action bypasses the common lookup, so whatever is wrong is an unhandled error in the server.
    if "$unset" not in fields:
        raise envelope.server_error()
    try:
        key = job.person()
    except Refusal:
        raise envelope.server_error() from None
    wanted = fields["$unset"]
    # Older servers put whatever comes into a list, a list too.
    names = wanted if isinstance(wanted, list) and job.options.delete_property_lists else [wanted]
    _refuse_hidden(job, names)
    if not _captured(job, key, {"$unset": names}):
        assert job.fault is not None
        return envelope.ok({"success": False, "detail": "Unable to delete property"}, job.fault.status)
    job.mutations.log_activity(key, "delete_property", (change("changed", field="properties"),), by=job.by)
    return envelope.ok({"success": True}, 200 if job.options.success_status == "documented" else 201)


def _set(job: HandlerContext, properties: Any) -> None:
    key = job.person()
    _refuse_hidden(job, properties)
    _captured(job, key, {"$set": properties})
    job.mutations.log_activity(key, "updated", (change("changed", field="properties"),), by=job.by)


def _captured(job: HandlerContext, key: int, properties: Mapping[str, Any]) -> bool:
    """Capture an event about a person; False if the capture service refused it."""
    if not job.mutations.store.distinct_ids(key):
        raise envelope.server_error()
    if job.struck_by("capture_down"):
        return False
    job.applied = job.ingestion.capture(key, properties, swallow=job.struck_by("swallow"))
    return True


def _refuse_hidden(job: HandlerContext, names: Any) -> None:
    """Refuse a write to a property that access control hides (contract 2). Raises Refusal (400)."""
    if isinstance(names, (dict, list)) and any(name in job.hidden_properties for name in names):
        raise envelope.invalid("You do not have permission to edit one of these properties.")


def _required(field: str) -> Refusal:
    """400, written by hand in the server: code and detail are swapped (contract 4)."""
    return Refusal(envelope.error(400, "validation_error", "This field is required.", "required", attr=field))
