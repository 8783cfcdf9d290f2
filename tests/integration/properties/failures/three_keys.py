"""A job that removes or sets three properties, and what is right for a person of it."""

from typing import Any

from bulk import UnsetProperties, UpdateProperties
from bulk.journal.records import AttemptEnded, Intent

KINDS = ["unset", "update"]
CALL = {"unset": "delete_property", "update": "update"}
KEYS = ("plan", "country", "logins")
OLDER = {"delete_property_lists": False}
"""The server removes one property per call."""


def operation(kind: str) -> Any:
    if kind == "unset":
        return UnsetProperties(KEYS, route="rest")
    return UpdateProperties(dict.fromkeys(KEYS, "x"), route="rest")


def is_done(each: dict[str, Any], kind: str) -> bool:
    return not {*KEYS} & each.keys() if kind == "unset" else all(each[key] == "x" for key in KEYS)


def right(a: Any, kind: str) -> int:
    return sum(is_done(each, kind) for each in a.properties().values())


def requests_noted(a: Any) -> int:
    """Return the largest number of requests that the journal allows for."""
    responses = {record.attempt: record.requests for record in a.of(AttemptEnded)}
    return sum(responses.get(intent.attempt) or intent.requests for intent in a.of(Intent))
