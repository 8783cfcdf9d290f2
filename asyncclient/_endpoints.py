"""One function a call: the only place where paths, verbs and query names are spelled. Pure.

Ids are parsed before a path exists, so that no input can change path, query or host (promise 28).
"""

import re
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import msgspec

from asyncclient._http import Request
from asyncclient.errors import InvalidArgument, shown
from asyncclient.filters import PropertyFilter
from asyncclient.limits import Bucket

MOST_BULK_IDS = 1000
MOST_BATCH_IDS = 200
"""More are refused by bulk_delete and cut off silently by the batch reads (contract 6.5, 6.11)."""
MOST_ROWS = 10_000
LONGEST_TIMEOUT_S = 86_400.0

LARGEST_NUMBER = 2**63 - 1
LONGEST_NUMBER = len(str(LARGEST_NUMBER))

_UUID = re.compile(r"[0-9a-fA-F]{32}|[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")

PersonId = UUID | int | str


def person_id(value: object) -> str:
    """A person's id as a path segment: a UUID or a positive number.

    Raises:
        InvalidArgument: it is neither; a distinct id has to be resolved first.
    """
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, str):
        return str(_number(value) or person_uuid(value))
    number = _number(value)
    if number is not None:
        return str(number)
    raise InvalidArgument(f"{shown(value)} is no person id: give a UUID or a positive number")


def person_uuid(value: object) -> UUID:
    """A person's UUID.

    Raises:
        InvalidArgument: it is none.
    """
    if isinstance(value, UUID):
        return value
    if isinstance(value, str) and _UUID.fullmatch(value):  # UUID() takes more: braces, underscores, any dashes
        return UUID(value)
    raise InvalidArgument(f"{shown(value)} is no UUID: distinct ids have to be resolved to persons first")


def list_persons(
    *,
    distinct_id: str | None = None,
    email: str | None = None,
    search: str | None = None,
    properties: Sequence[PropertyFilter] = (),
    limit: int = 100,
    offset: int = 0,
    include_total: bool = False,
) -> Request:
    """GET persons (contract 6.1)."""
    _whole(limit, "limit", 1, MOST_ROWS)
    _whole(offset, "offset", 0, LARGEST_NUMBER)
    query = [
        (name, _text(value, name))
        for name, value in (("distinct_id", distinct_id), ("email", email), ("search", search))
        if value is not None
    ]
    if properties:
        query.append(("properties", msgspec.json.encode([each.to_wire() for each in properties]).decode()))
    query += [("limit", str(limit)), ("offset", str(offset))]
    if include_total:
        query.append(("include_total", "true"))
    return _persons("list", "GET", "", query=tuple(query), tells_prefix=True)


def get_person(person: object) -> Request:
    """GET persons/:id (contract 6.2)."""
    return _persons("retrieve", "GET", f"{person_id(person)}/", route=":id/", tells_prefix=True)


def delete_person(person: object, *, delete_events: bool, delete_recordings: bool, keep_person: bool) -> Request:
    """DELETE persons/:id; a flag is present only when it is true, since presence means true there (contract 6.4)."""
    query = tuple((name, "true") for name, on in _flags(delete_events, delete_recordings, keep_person) if on)
    return _deletes("destroy", "DELETE", f"{person_id(person)}/", ":id/", query=query)


def delete_events(person: object) -> Request:
    """POST persons/:id/delete_events (contract 6.6)."""
    return _deletes("delete_events", "POST", f"{person_id(person)}/delete_events/", ":id/delete_events/")


def delete_recordings(person: object) -> Request:
    """POST persons/:id/delete_recordings (contract 6.7)."""
    return _deletes("delete_recordings", "POST", f"{person_id(person)}/delete_recordings/", ":id/delete_recordings/")


def bulk_delete(
    *,
    ids: Sequence[UUID | str] | None,
    distinct_ids: Sequence[str] | None,
    delete_events: bool,
    delete_recordings: bool,
    keep_person: bool,
    timeout_s: float | None,
) -> Request:
    """POST persons/bulk_delete: flags as JSON booleans in the body (contract 6.5)."""
    if (ids is None) == (distinct_ids is None):
        raise InvalidArgument("bulk_delete takes either ids or distinct_ids")
    if timeout_s is not None:
        seconds(timeout_s, "timeout_s")
    if ids is not None:
        body: dict[str, Any] = {"ids": [person_uuid(each) for each in _some(ids, "ids", MOST_BULK_IDS)]}
    else:
        named = _some(distinct_ids or (), "distinct_ids", MOST_BULK_IDS)
        body = {"distinct_ids": [_text(each, "distinct_ids") for each in named]}
    body |= dict(_flags(delete_events, delete_recordings, keep_person))
    return _deletes(
        "bulk_delete", "POST", "bulk_delete/", "bulk_delete/", body=msgspec.json.encode(body), timeout_s=timeout_s
    )


def batch_by_distinct_ids(distinct_ids: Sequence[str]) -> Request:
    """POST persons/batch_by_distinct_ids: reads only (contract 6.11)."""
    named = [_text(each, "distinct_ids") for each in _some(distinct_ids, "distinct_ids", MOST_BATCH_IDS)]
    body = msgspec.json.encode({"distinct_ids": named})
    return _persons("batch_by_distinct_ids", "POST", "batch_by_distinct_ids/", body=body)


def batch_by_uuids(uuids: Sequence[UUID | str]) -> Request:
    """POST persons/batch_by_uuids: reads only (contract 6.11). An empty list is a probe."""
    named = [person_uuid(each) for each in _some(uuids, "uuids", MOST_BATCH_IDS, least=0)]
    body = msgspec.json.encode({"uuids": named})
    return _persons("batch_by_uuids", "POST", "batch_by_uuids/", body=body)


def deletion_status(*, status: str | None, person: object, limit: int, offset: int) -> Request:
    """GET persons/deletion_status (contract 6.11)."""
    if status not in (None, "pending", "completed", "all"):
        raise InvalidArgument(f"status {shown(status)} is none of pending, completed, all")
    _whole(limit, "limit", 1, MOST_ROWS)
    _whole(offset, "offset", 0, LARGEST_NUMBER)
    query = [("limit", str(limit)), ("offset", str(offset))]
    if status is not None:
        query.append(("status", status))
    if person is not None:
        query.append(("person_uuid", str(person_uuid(person))))
    return _persons("deletion_status", "GET", "deletion_status/", query=tuple(query))


def probe(route: str) -> Request:
    """GET a route that only takes POST, to learn whether the server knows it."""
    return _persons("probe", "GET", route, route=route.replace(str(UUID(int=0)), ":id"))


def list_projects(*, limit: int, offset: int) -> Request:
    """GET projects."""
    _whole(limit, "limit", 1, MOST_ROWS)
    _whole(offset, "offset", 0, LARGEST_NUMBER)
    query = (("limit", str(limit)), ("offset", str(offset)))
    return _projects("", "projects/", query)


def get_project(project: int | str) -> Request:
    """GET projects/:id."""
    return _projects(f"{project_id(project)}/", "projects/:id/", ())


def project_id(value: object) -> int | str:
    """A project's id: a positive number, or "@current".

    Raises:
        InvalidArgument: it is neither.
    """
    if value == "@current":
        return "@current"
    number = _number(value)
    if number is not None:
        return number
    raise InvalidArgument(f"project id {shown(value)} is no positive number: it is in the project's settings and URL")


def _number(value: object) -> int | None:
    """A number that a database gives to a row, or None."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= LONGEST_NUMBER:
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool) and 0 < value <= LARGEST_NUMBER:
        return int(value)
    return None


def _persons(
    action: str,
    method: str,
    path: str,
    *,
    route: str | None = None,
    query: tuple[tuple[str, str], ...] = (),
    body: bytes | None = None,
    tells_prefix: bool = False,
) -> Request:
    return Request(
        action=action,
        method=method,
        path=f"persons/{path}",
        route=f"{method} persons/{path if route is None else route}",
        bucket=Bucket.OTHERS,
        query=query,
        body=body,
        tells_prefix=tells_prefix,
    )


def _deletes(
    action: str,
    method: str,
    path: str,
    route: str,
    *,
    query: tuple[tuple[str, str], ...] = (),
    body: bytes | None = None,
    timeout_s: float | None = None,
) -> Request:
    return Request(
        action=action,
        method=method,
        path=f"persons/{path}",
        route=f"{method} persons/{route}",
        bucket=Bucket.DELETES,
        query=query,
        body=body,
        mutating=True,
        timeout_s=timeout_s,
    )


def _projects(path: str, route: str, query: tuple[tuple[str, str], ...]) -> Request:
    return Request(
        action="projects",
        method="GET",
        path=f"api/projects/{path}",
        route=f"GET {route}",
        bucket=Bucket.DEFAULT,
        in_project=False,
        query=query,
    )


def _flags(delete_events: bool, delete_recordings: bool, keep_person: bool) -> tuple[tuple[str, bool], ...]:
    flags = (("delete_events", delete_events), ("delete_recordings", delete_recordings), ("keep_person", keep_person))
    for name, value in flags:
        if not isinstance(value, bool):
            raise InvalidArgument(f"{name} {shown(value)} is neither True nor False")
    return flags


def _some(values: Sequence[Any], name: str, most: int, least: int = 1) -> Sequence[Any]:
    if isinstance(values, str | bytes) or not isinstance(values, Sequence) or not least <= len(values) <= most:
        count = str(len(values)) if isinstance(values, list | tuple) else f"a {type(values).__name__}"
        raise InvalidArgument(f"{name} takes a list of 1 to {most}, not {count}")
    return values


def seconds(value: object, name: str) -> float:
    """A length of time above 0.

    Raises:
        InvalidArgument: it is none.
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= LONGEST_TIMEOUT_S:
        raise InvalidArgument(f"{name} {shown(value)} is not a number of seconds above 0, up to a day")
    return float(value)


def _text(value: object, name: str) -> str:
    if not isinstance(value, str) or not value:
        raise InvalidArgument(f"{name} {shown(value)} is not a text of at least one character")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise InvalidArgument(f"{name} {shown(value)} is not valid Unicode") from None
    return value


def _whole(value: object, name: str, least: int, most: int) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise InvalidArgument(f"{name} {shown(value)} is not a whole number from {least} to {most}")
