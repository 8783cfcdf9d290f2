"""Checks the filters of a selection before anything is sent, and describes them for plan and journal. Pure."""

from collections.abc import Sequence
from typing import Any

from asyncclient import PropertyFilter
from bulk.errors import InputError

_IDS = "--distinct-ids (ByDistinctIds)"
_CREATED = "--created-before or --created-after (ByActivity)"
OWN_FIELDS = {
    "uuid": "--uuids (ByPersonIds)",
    "id": "--uuids (ByPersonIds)",
    "distinct_id": _IDS,
    "distinct_ids": _IDS,
    "created_at": _CREATED,
    "last_seen_at": "--inactive-since (ByActivity)",
    "is_identified": "--identified or --anonymous (ByActivity)",
    "name": "--hogql (ByQuery), as in \"SELECT id FROM persons WHERE properties.name = 'Jane'\"",
}
"""The fields that a person has besides its properties, and what selects by them. No filter on a property sees them."""


def check_filters(properties: object, email: object) -> None:
    """Check the filters of a selection.

    Arguments:
        properties: the filters on properties and cohorts.
        email: the exact value of the property email.

    Raises:
        InputError: one of them cannot be used.
    """
    if isinstance(properties, str | bytes) or not isinstance(properties, Sequence):
        raise InputError(f"properties takes a list of PropertyFilter, not a {type(properties).__name__}")
    for condition in properties:
        if not isinstance(condition, PropertyFilter):
            kind = type(condition).__name__
            raise InputError(
                f"properties takes a list of PropertyFilter, but an item is a {kind}: write each condition as "
                'PropertyFilter("plan", "free", operator="exact")'
            )
        if condition.type == "person" and condition.key in OWN_FIELDS:
            instead = OWN_FIELDS[condition.key]
            raise InputError(f"{condition.key} is a field of persons, and filters see properties only: use {instead}")
        if condition.type == "cohort" and condition.operator not in ("exact", "in"):
            # a server that ignores the operator would select the members
            raise InputError(f"a cohort can only be selected with the operator in, not with {condition.operator}")
    if email is None:
        return
    if not isinstance(email, str) or any("\ud800" <= character <= "\udfff" for character in email):
        raise InputError("the email is not valid text: give it as UTF-8")
    if not email.strip():
        raise InputError("the email is blank: give an email address")


def filter_summary(properties: Sequence[PropertyFilter], email: str | None) -> dict[str, Any]:
    """Return the filters for journal and report, without values."""
    filters = [{"key": each.key, "operator": each.operator, "type": each.type} for each in properties]
    return {"filters": filters, "email": email is not None}


def filter_details(properties: Sequence[PropertyFilter], email: str | None) -> dict[str, Any]:
    """Return the filters for the plan, with their values."""
    filters = [
        {"key": each.key, "operator": each.operator, "type": each.type, "value": each.value} for each in properties
    ]
    return {"filters": filters, "email": email}
