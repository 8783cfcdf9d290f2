"""Handlers that change properties of one person: each captures an event and responds before it is applied.

Contract 6.3, 6.8, 6.11.
"""

from collections.abc import Mapping
from typing import Any

from asyncclient.testing.handlers.handler_context import HandlerContext
from asyncclient.testing.http import envelope
from asyncclient.testing.http.envelope import Refusal, Response
from asyncclient.testing.tables.activities import change


def update(context: HandlerContext) -> Response:
    """Set properties of a person (PATCH and PUT are the same); all fields except `properties` are ignored."""
    properties = context.fields().get("properties")
    # This check comes before the person is looked up, so before a 404 (contract 6.3).
    if properties is None:
        raise _required("properties")
    _set(context, properties)
    return envelope.empty(200 if context.options.success_status == "documented" else 202)


def update_property(context: HandlerContext) -> Response:
    """Set one property of a person; null is a value."""
    fields = context.fields()
    if "value" not in fields:
        raise _required("value")
    if fields.get("key") is None:
        raise _required("key")
    if not isinstance(fields["key"], str):
        raise envelope.server_error()
    _set(context, {fields["key"]: fields["value"]})
    return envelope.empty(202)


def delete_property(context: HandlerContext) -> Response:
    """Remove a property of a person; the key is read from the body only (contract 6.8)."""
    fields = context.fields()
    # This action bypasses the usual lookup, so any mistake is an unhandled error in the server.
    if "$unset" not in fields:
        raise envelope.server_error()
    try:
        key = context.person()
    except Refusal:
        raise envelope.server_error() from None
    wanted = fields["$unset"]
    if isinstance(wanted, list) and (status := context.options.delete_property_list_status):
        raise envelope.invalid("Not a valid string.", attr="$unset") if status == 400 else envelope.server_error()
    if context.options.delete_property_lists and wanted in ("", []):
        raise envelope.invalid("This field may not be blank.", code="blank", attr="$unset")
    # Older servers wrap any value in a list, even a list.
    names = wanted if isinstance(wanted, list) and context.options.delete_property_lists else [wanted]
    if isinstance(names[0], list) and context.options.nested_keys_joined:
        names = [",".join(map(str, names[0]))]  # as JavaScript turns a list into a key
    _refuse_hidden(context, names)
    if not _captured(context, key, {"$unset": names}):
        assert context.fault is not None
        return envelope.ok({"success": False, "detail": "Unable to delete property"}, context.fault.status)
    context.mutations.log_activity(
        key, "delete_property", (change("changed", field="properties"),), actor=context.actor
    )
    return envelope.ok({"success": True}, 200 if context.options.success_status == "documented" else 201)


def _set(context: HandlerContext, properties: Any) -> None:
    key = context.person()
    _refuse_hidden(context, properties)
    _captured(context, key, {"$set": properties})
    context.mutations.log_activity(key, "updated", (change("changed", field="properties"),), actor=context.actor)


def _captured(context: HandlerContext, key: int, properties: Mapping[str, Any]) -> bool:
    """Capture an event about a person, and return False if the capture service refused it."""
    if not context.mutations.store.distinct_ids(key):
        raise envelope.server_error()
    if context.fault_of_kind("capture_down"):
        return False
    context.applied = context.ingestion.capture(key, properties, swallow=context.fault_of_kind("swallow"))
    return True


def _refuse_hidden(context: HandlerContext, names: Any) -> None:
    """Check that no property is hidden by access control (contract 2).

    Raises:
        Refusal: 400, a property is hidden.
    """
    if isinstance(names, (dict, list)) and any(name in context.hidden_properties for name in names):
        raise envelope.invalid("You do not have permission to edit one of these properties.")


def _required(field: str) -> Refusal:
    """Return a 400 with code and detail swapped, as the server sends it here (contract 4)."""
    return Refusal(envelope.error(400, "validation_error", "This field is required.", "required", attr=field))
