"""Incomplete and wrong responses: the bodies of reads, changed on their way."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

import msgspec
from job_model.world.project import Member
from job_model.world.trouble import Spell

from asyncclient.testing.http.envelope import HTML, Response, encode, error

Body = dict[str, Any]

GARBAGE = Response(200, b"<html><body>Please sign in</body></html>", HTML)
EMPTY = Response(200)
NOT_FOUND = error(404, "invalid_request", "not_found", "Not found.")
UUID_FORM = re.compile(r"[0-9a-f-]{36}")
_TYPES = {400: ("validation_error", "invalid_input"), 409: ("server_error", "conflict")}


def refusal(status: int) -> Response:
    """An error response as the server gives it."""
    if status == 404:
        return NOT_FOUND
    if status in (502, 504):
        return Response(status, b"<html><head><title>Bad Gateway</title></head></html>", HTML)
    kind, code = _TYPES.get(status, ("server_error" if status >= 500 else "invalid_request", "error"))
    return error(status, kind, code, "No.")


def spoilt(action: str, response: Response, spells: Sequence[Spell]) -> Response:
    """A response under spells."""
    if not spells or not _has_body(response):
        return response
    if action == "retrieve":
        return _spoilt_single(response, spells[0])
    body: Body = json.loads(response.body)
    left_out = {str(one.member.uuid) for one in spells}
    match action:
        case "deletion_status":
            body["results"] = [row for row in body["results"] if row["person_uuid"] not in left_out]
        case "list":
            body["results"] = [person for person in body["results"] if person["uuid"] not in left_out]
        case "recordings":
            body["results"] = _without_recordings(body["results"], spells)
        case "query":
            body["results"] = [row for row in body["results"] if left_out.isdisjoint(row)]
        case _:
            for one in spells:
                _spoil(body["results"], one)
    return msgspec.structs.replace(response, body=encode(body))


def with_statuses(response: Response, void: Mapping[tuple[UUID, datetime], str | None]) -> Response:
    """A response with deletion rows, some of which have a status of their own, or none: they cannot be read."""
    if not void or not _has_body(response):
        return response
    body: Body = json.loads(response.body)
    for row in body["results"]:
        uuid, created_at = UUID(row["person_uuid"]), datetime.fromisoformat(row["created_at"])
        row["status"] = void.get((uuid, created_at), row["status"])
        if row["status"] is None and uuid.int % 2:
            row["person_uuid"] = None  # it cannot even be read who it is about
    return msgspec.structs.replace(response, body=encode(body))


def _has_body(response: Response) -> bool:
    return response.status == 200 and response.body.startswith(b"{")


def _without_recordings(rows: list[Any], spells: Sequence[Spell]) -> list[Any]:
    """Rows of recordings without those of some persons, or without the first one of each."""
    for one in spells:
        own = [row[0] for row in rows if not set(row[1]).isdisjoint(one.member.distinct_ids)]
        hidden = own if one.how == "left_out" else own[:1]
        rows = [row for row in rows if row[0] not in hidden]
    return rows


def _spoilt_single(response: Response, spell: Spell) -> Response:
    if spell.how == "left_out":
        return NOT_FOUND
    body = json.loads(response.body)
    _change_person(body, spell.how)
    return msgspec.structs.replace(response, body=encode(body))


def _spoil(results: Body, spell: Spell) -> None:
    keys = [key for key, person in results.items() if person["uuid"] == str(spell.member.uuid)]
    for key in keys:
        if spell.how == "left_out":
            del results[key]
        elif spell.how == "other_key":
            results[_another(key)] = results.pop(key)
        elif spell.how == "stranger_too":
            results[_another(key)] = results[key]
        else:
            _change_person(results[key], spell.how)


def _another(key: str) -> str:
    """A key that was not asked for: a UUID in place of a UUID, a distinct ID in place of a distinct ID."""
    return str(uuid5(NAMESPACE_URL, key)) if UUID_FORM.fullmatch(key) else f"not-{key}"


def _change_person(person: Body, how: str) -> None:
    change = _CHANGES.get(how)
    if change is not None:
        change(person)


_CHANGES: dict[str, Callable[[Body], object]] = {
    "no_properties": lambda person: person.pop("properties", None),
    "no_distinct_ids": lambda person: person.pop("distinct_ids", None),
    "empty_distinct_ids": lambda person: person.update(distinct_ids=[]),
    "no_created_at": lambda person: person.update(created_at=None),
}


def asked_for(action: str, path: str, body: Any, query: Mapping[str, str]) -> Callable[[Member], bool]:
    """Whether a read was asked for a member."""
    match action:
        case "batch_by_uuids":
            asked = set(body["uuids"])
            return lambda member: str(member.uuid) in asked
        case "batch_by_distinct_ids":
            asked = set(body["distinct_ids"])
            return lambda member: not asked.isdisjoint(member.distinct_ids)
        case "retrieve":
            return lambda member: str(member.uuid) in path
        case "deletion_status":
            one = query.get("person_uuid")
            return lambda member: one in (None, str(member.uuid))
        case "list":
            distinct_id, counting = query.get("distinct_id"), query.get("limit") == "1"
            return lambda member: distinct_id in member.distinct_ids if distinct_id else not counting
        case _:
            return lambda _: action in ("query", "recordings")
