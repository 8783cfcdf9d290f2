"""Requests as values: no ID changes path, query or host (guarantees 28, 29)."""

import json
import re
from collections.abc import Callable
from enum import IntEnum
from typing import Any
from uuid import UUID

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from asyncclient import Bucket, InvalidArgument
from asyncclient._protocol import endpoints as endpoints
from asyncclient._protocol.http import Request
from asyncclient._transport.path_prefix import PathPrefix

U = "018f0000-0000-7000-8000-000000000001"
SAFE = re.compile(
    r"api/(environments|projects)/[0-9]+/persons/([0-9a-f-]{36}|[0-9]+)/"
    r"((delete_events|delete_recordings|update_property|delete_property|split|activity|emails|properties_timeline)/)?"
)
DETAIL: dict[str, Callable[[Any], Request]] = {
    "get": endpoints.get_person,
    "delete": lambda each: endpoints.delete_person(
        each, delete_events=True, delete_recordings=False, keep_person=False
    ),
    "delete_events": endpoints.delete_events,
    "delete_recordings": endpoints.delete_recordings,
    "update": lambda each: endpoints.update_person(each, {"a": 1}),
    "update_property": lambda each: endpoints.update_property(each, "a", 1),
    "delete_property": lambda each: endpoints.delete_property(each, "a"),
    "split": lambda each: endpoints.split_person(each, main_distinct_id="a"),
    "activity": lambda each: endpoints.person_activity(each, limit=10, page=1),
    "emails": endpoints.person_emails,
    "properties_timeline": endpoints.properties_timeline,
}
HOSTILE = [
    "../", "..", ".", "", " ", "/", "%2e%2e", "%2e%2e/", "..%2f", "1/../2", "1?x", "1#x", "1;x", "1.csv", "1%", "1 ",
    " 1", "+1", "-1", "0", "00", "1_0", "1e3", "0x1", "\u0661", "\u00b2", "\uff11", "1\n", "1\r\nHost: x", "1\0",
    "\ud800", "@current", "null", "undefined", U + "/", U + "\n", "{" + U + "}", "urn:uuid:" + U, U.replace("-", "_"),
    U[:-1], U + "0", U.replace("-", "")[:-1] + "_", "9" * 20, "9" * 5000, 0, -1, 2**63, 10**5000, True, False, None,
    1.0, 1.5, b"1", [1], (1,), {}, float("nan"), object(),
]  # fmt: skip


@pytest.mark.parametrize("hostile", HOSTILE, ids=range(len(HOSTILE)))
def test_an_invalid_person_id_is_refused_before_a_path_is_built(hostile: Any) -> None:
    for call in DETAIL.values():
        with pytest.raises(InvalidArgument, match=r"is not a (person ID|UUID)"):
            call(hostile)


def paths(request: Request) -> list[str]:
    return [PathPrefix(name, 42).path(request) for name in ("environments", "projects")]


@pytest.mark.slow
@given(
    call=st.sampled_from(sorted(DETAIL)),
    value=st.one_of(
        st.text(),
        st.text("0123456789abcdefABCDEF-./%{}_ \r\n"),
        st.integers(),
        st.uuids(),
        st.uuids().map(str),
        st.booleans(),
        st.none(),
        st.floats(),
        st.binary(),
        st.from_regex(r"[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}"),
    ),
)
@example(call="get", value="0" * 32)
@example(call="get", value="1" * 32)
def test_an_id_is_refused_or_its_path_holds_nothing_but_an_id(call: str, value: Any) -> None:
    try:
        request = DETAIL[call](value)
    except InvalidArgument:
        return
    assert all(SAFE.fullmatch(path) for path in paths(request))
    assert str(value).lower().replace("-", "").lstrip("0") == request.path.split("/")[1].replace("-", "").lstrip("0")


class Number(IntEnum):
    SEVEN = 7

    def __str__(self) -> str:
        return "../seven"


class Sneaky(str):
    __slots__ = ()

    def __str__(self) -> str:
        return "../../"


@pytest.mark.parametrize(
    ("value", "segment"),
    [
        (7, "7"),
        ("7", "7"),
        ("007", "7"),
        (Number.SEVEN, "7"),
        (2**63 - 1, str(2**63 - 1)),
        (U, U),
        (U.upper(), U),
        (U.replace("-", ""), U),
        (UUID(U), U),
        (Sneaky(U), U),
        (Sneaky("7"), "7"),
    ],
)
def test_ids_in_every_form_become_one(value: Any, segment: str) -> None:
    assert endpoints.get_person(value).path == f"persons/{segment}/"


@pytest.mark.parametrize("events", [True, False])
@pytest.mark.parametrize("recordings", [True, False])
@pytest.mark.parametrize("keep", [True, False])
def test_flags_are_present_only_when_true_in_a_query_and_always_booleans_in_a_body(
    events: bool, recordings: bool, keep: bool
) -> None:
    flags = {"delete_events": events, "delete_recordings": recordings, "keep_person": keep}
    single = endpoints.delete_person(7, **flags)
    assert dict(single.query) == {name: "true" for name, on in flags.items() if on}
    bulk = endpoints.bulk_delete(ids=[U], distinct_ids=None, timeout_s=None, **flags)
    assert bulk.body is not None
    assert json.loads(bulk.body) == {"ids": [U], **flags}


@pytest.mark.parametrize("wrong", ["false", "true", 1, 0, None, [], "x"])
@pytest.mark.parametrize("name", ["delete_events", "delete_recordings", "keep_person"])
def test_flags_that_are_no_booleans_are_refused(name: str, wrong: Any) -> None:
    flags = {"delete_events": False, "delete_recordings": False, "keep_person": False} | {name: wrong}
    with pytest.raises(InvalidArgument, match=f"{name} .* is neither True nor False"):
        endpoints.delete_person(7, **flags)
    with pytest.raises(InvalidArgument, match=f"{name} .* is neither True nor False"):
        endpoints.bulk_delete(ids=[U], distinct_ids=None, timeout_s=None, **flags)


def bulk(ids: Any = None, distinct_ids: Any = None, timeout_s: Any = None) -> Request:
    return endpoints.bulk_delete(
        ids=ids,
        distinct_ids=distinct_ids,
        delete_events=False,
        delete_recordings=False,
        keep_person=False,
        timeout_s=timeout_s,
    )


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({}, "either ids or distinct_ids"),
        ({"ids": [U], "distinct_ids": ["a"]}, "either ids or distinct_ids"),
        ({"ids": []}, "list of 1 to 1000, not 0"),
        ({"distinct_ids": []}, "list of 1 to 1000, not 0"),
        ({"ids": [U] * 1001}, "list of 1 to 1000, not 1001"),
        ({"distinct_ids": ["a"] * 1001}, "list of 1 to 1000, not 1001"),
        ({"ids": U}, "not a str"),
        ({"ids": {U}}, "not a set"),
        ({"ids": iter([U])}, "not a list_iterator"),
        ({"distinct_ids": "abc"}, "not a str"),
        ({"ids": [7]}, "is not a UUID"),
        ({"ids": ["7"]}, "is not a UUID"),
        ({"ids": [None]}, "is not a UUID"),
        ({"distinct_ids": [""]}, "at least one character"),
        ({"distinct_ids": [7]}, "at least one character"),
        ({"distinct_ids": ["\ud800"]}, "valid Unicode"),
        ({"ids": [U], "timeout_s": 0}, "timeout_s"),
        ({"ids": [U], "timeout_s": float("inf")}, "timeout_s"),
        ({"ids": [U], "timeout_s": "60"}, "timeout_s"),
    ],
)
def test_invalid_bulk_deletes_are_refused(arguments: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InvalidArgument, match=sentence):
        bulk(**arguments)


@pytest.mark.slow
@given(ids=st.lists(st.text(st.characters(exclude_categories=["Cs"]), min_size=1), min_size=1, max_size=20))
def test_distinct_ids_arrive_unchanged_in_bodies(ids: list[str]) -> None:
    for request in (bulk(distinct_ids=ids), endpoints.batch_by_distinct_ids(ids)):
        assert request.body is not None
        assert json.loads(request.body)["distinct_ids"] == ids


def test_batches_beyond_200_are_refused_since_the_server_would_cut_them_off() -> None:
    assert endpoints.batch_by_uuids([U] * 200).body
    with pytest.raises(InvalidArgument, match="to 200, not 201"):
        endpoints.batch_by_uuids([U] * 201)
    with pytest.raises(InvalidArgument, match="uuids takes a list of 1 to 200, not 0"):
        endpoints.batch_by_uuids([])
    with pytest.raises(InvalidArgument, match="to 200, not 201"):
        endpoints.batch_by_distinct_ids(["a"] * 201)
    with pytest.raises(InvalidArgument, match="to 200, not 0"):
        endpoints.batch_by_distinct_ids([])
    with pytest.raises(InvalidArgument, match="not a str"):
        endpoints.batch_by_uuids(U)


@pytest.mark.parametrize(
    "wrong",
    [
        {"limit": 0},
        {"limit": 10_001},
        {"limit": True},
        {"limit": "5"},
        {"offset": -1},
        {"offset": 1.0},
        {"offset": 2**63},
        {"distinct_id": ""},
        {"distinct_id": 7},
        {"email": ""},
        {"email": "\udfff"},
        {"search": b"x"},
    ],
)
def test_invalid_listings_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidArgument, match=next(iter(wrong))):
        endpoints.list_persons(**wrong)


@pytest.mark.parametrize("wrong", ["deleted", "", 1, True])
def test_a_deletion_status_that_does_not_exist_is_refused(wrong: Any) -> None:
    with pytest.raises(InvalidArgument, match="not one of pending, completed, all"):
        endpoints.deletion_status(status=wrong, person=None, limit=1, offset=0)


@pytest.mark.parametrize("wrong", ["7", "x", 7, "", True])
def test_the_person_of_a_deletion_status_is_a_uuid(wrong: Any) -> None:
    with pytest.raises(InvalidArgument, match="is not a UUID"):
        endpoints.deletion_status(status=None, person=wrong, limit=1, offset=0)


@pytest.mark.parametrize("wrong", [{"limit": 0, "offset": 0}, {"limit": 1, "offset": -1}])
def test_projects_are_paged_within_bounds(wrong: dict[str, int]) -> None:
    with pytest.raises(InvalidArgument):
        endpoints.list_projects(**wrong)


@pytest.mark.parametrize(
    ("request_", "bucket", "mutating"),
    [
        (endpoints.list_persons(), Bucket.OTHERS, False),
        (endpoints.get_person(7), Bucket.OTHERS, False),
        (endpoints.batch_by_uuids([U]), Bucket.OTHERS, False),
        (endpoints.batch_by_distinct_ids(["a"]), Bucket.OTHERS, False),
        (endpoints.deletion_status(status=None, person=None, limit=1, offset=0), Bucket.OTHERS, False),
        (endpoints.probe("bulk_delete/"), Bucket.OTHERS, False),
        (DETAIL["delete"](7), Bucket.DELETES, True),
        (endpoints.delete_events(7), Bucket.DELETES, True),
        (endpoints.delete_recordings(7), Bucket.DELETES, True),
        (bulk(ids=[U]), Bucket.DELETES, True),
        (DETAIL["update"](7), Bucket.OTHERS, True),
        (DETAIL["update_property"](7), Bucket.OTHERS, True),
        (DETAIL["delete_property"](7), Bucket.OTHERS, True),
        (DETAIL["split"](7), Bucket.OTHERS, True),
        (endpoints.reset_distinct_id("a"), Bucket.OTHERS, True),
        (DETAIL["activity"](7), Bucket.OTHERS, False),
        (endpoints.all_activity(limit=10, page=1), Bucket.OTHERS, False),
        (DETAIL["properties_timeline"](7), Bucket.OTHERS, False),
        (endpoints.properties_at_time("2026-01-01", distinct_id=None, person=7), Bucket.OTHERS, False),
        (endpoints.export_persons(), Bucket.OTHERS, False),
        (endpoints.values("email", None), Bucket.OTHERS, False),
        (endpoints.cohorts(7), Bucket.OTHERS, False),
        (endpoints.list_projects(limit=1, offset=0), Bucket.DEFAULT, False),
        (endpoints.get_project(7), Bucket.DEFAULT, False),
    ],
)
def test_each_call_has_its_bucket_and_route_without_ids(request_: Request, bucket: Bucket, mutating: bool) -> None:
    assert (request_.bucket, request_.mutating) == (bucket, mutating)
    assert U not in request_.route
    assert "7" not in request_.route
    assert request_.route.startswith(request_.method + " ")
