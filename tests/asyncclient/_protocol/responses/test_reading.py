"""Which responses are the success of a call, and which only look like one (contract 0, 4, 6, 8)."""

import json
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from asyncclient import (
    BulkDeleteSummary,
    DeletionError,
    DeletionRow,
    InvalidResponse,
    NotFound,
    Page,
    Person,
    PersonRef,
    PostHogError,
    Project,
    ServerError,
)
from asyncclient._protocol import endpoints as endpoints
from asyncclient._protocol.http import Request, Response
from asyncclient._protocol.responses.expectations import Csv, EmptyBody, Json, Probe, json_model
from asyncclient._protocol.responses.reading import read
from asyncclient._secret import Secret
from asyncclient.models import BatchResults

KEY = Secret("phx_0123456789abcdefghij")
U = "018f0000-0000-7000-8000-000000000001"
GET = endpoints.get_person(U)


def response(status: int, body: Any = b"", **headers: str) -> Response:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Response(status=status, path=f"api/projects/1/{GET.path}", headers=named, body=raw)


def bulk(**more: Any) -> Request[BulkDeleteSummary]:
    flags = {"delete_events": False, "delete_recordings": False, "keep_person": False} | more
    return endpoints.bulk_delete(ids=[U], distinct_ids=None, timeout_s=None, **flags)


ZERO = BulkDeleteSummary()


@pytest.mark.parametrize(
    ("body", "expected", "unmatched"),
    [
        (b"", ZERO, 0),
        (
            {"persons_found": 2, "persons_deleted": 2, "events_queued_for_deletion": True,
             "recordings_queued_for_deletion": False, "deletion_errors": []},
            BulkDeleteSummary(persons_found=2, persons_deleted=2, events_queued_for_deletion=True,
                              recordings_queued_for_deletion=False), 0,
        ),
        (
            {"persons_found": 2, "persons_deleted": 0, "persons_queued_for_deletion": 2,
             "events_queued_for_deletion": 2, "deletion_errors": [{"person_uuid": U, "step": "resolve_persons"},
                                                                  {"person_uuid": None, "step": "x"}, {}]},
            BulkDeleteSummary(persons_found=2, persons_deleted=0, persons_queued_for_deletion=2,
                              events_queued_for_deletion=2,
                              deletion_errors=(DeletionError(UUID(U), "resolve_persons"), DeletionError(None, "x"),
                                               DeletionError())), 0,
        ),
        ({"persons_found": 0, "ids_not_found": ["a", "b"]},
         BulkDeleteSummary(persons_found=0, ids_not_found=["a", "b"]), 2),
        ({"persons_found": 0, "distinct_ids_not_found": 3},
         BulkDeleteSummary(persons_found=0, distinct_ids_not_found=3), 3),
        ({"persons_found": 0, "unmatched_distinct_ids": ["a"], "later": {"x": 1}},
         BulkDeleteSummary(persons_found=0, unmatched_distinct_ids=["a"]), 1),
    ],
)  # fmt: skip
def test_the_summary_of_every_era_is_read(body: Any, expected: BulkDeleteSummary, unmatched: int) -> None:
    found = read(bulk(), response(202, body), KEY)
    assert found == expected
    assert found.unmatched == unmatched
    assert found.is_empty is (body == b"")


@pytest.mark.parametrize(
    "body",
    [b"{}", b"null", b"[]", b"{", b'{"persons_found": "2"}', b"\xff", b'{"ids_not_found": ["\xff"]}', b"[" * 100_000],
)
def test_a_success_that_is_something_else_cannot_be_read(body: bytes) -> None:
    with pytest.raises(InvalidResponse) as caught:
        read(bulk(), response(202, body), KEY)
    assert caught.value.status == 202
    assert str(caught.value).startswith(f"POST persons/bulk_delete/: 202 (the body ({len(body)} bytes) is ")


MODELS = (
    Person,
    Page[Person],
    Page[PersonRef],
    Page[msgspec.Raw],
    Page[DeletionRow],
    BatchResults[Person],
    BulkDeleteSummary,
    Project,
)
EXPECTED = [*(json_model(model) for model in MODELS), EmptyBody(), Csv(), Probe(), Probe(proven_by=json_model(Project))]
JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(), st.just(U)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(
            st.one_of(
                st.text(),
                st.sampled_from(
                    ["results", "next", "uuid", "created_at", "properties", "detail", "type", "code", "deletion_errors"]
                ),
            ),
            inner,
            max_size=4,
        ),
    ),
    max_leaves=12,
)


@pytest.mark.slow
@given(status=st.integers(200, 599), body=st.one_of(st.binary(), JSON.map(lambda each: json.dumps(each).encode())))
def test_no_bytes_raise_anything_but_our_errors(status: int, body: bytes) -> None:
    for expected in EXPECTED:
        with suppress(PostHogError):
            read(GET.expecting(expected), response(status, body), KEY)


def test_people_of_list_and_store_are_read_alike() -> None:
    listed = {"type": "person", "id": U, "uuid": U, "created_at": "2026-01-02T03:04:05.678000Z", "last_seen_at": None,
              "properties": {"email": "a@example.com"}, "is_identified": True, "name": "a", "distinct_ids": ["a"],
              "matched_recordings": [], "value_at_data_point": None}  # fmt: skip
    stored = {"id": 7, "name": "a", "distinct_ids": ["a"], "properties": {}, "created_at": "2026-01-02T03:04:05+02:00",
              "uuid": U.replace("-", "")}  # fmt: skip
    one = read(GET, response(200, listed), KEY)
    two = read(GET, response(200, stored), KEY)
    assert isinstance(one, Person)
    assert isinstance(two, Person)
    assert (one.uuid, one.id, one.is_identified) == (UUID(U), U, True)
    assert (two.uuid, two.id, two.is_identified) == (UUID(U), 7, None)
    assert one.created_at == datetime(2026, 1, 2, 3, 4, 5, 678000, tzinfo=UTC)
    assert two.created_at == datetime(2026, 1, 2, 1, 4, 5, tzinfo=UTC)


PAGE = b"<!doctype html><title>Sign in</title>"
SESSION_OVER = {"detail": "session expired of jane@example.com", "type": "authentication_error"}


@pytest.mark.parametrize("body", [PAGE, b"\n <html>", b"<", SESSION_OVER, {}, b"null", b"1", b"{", {"success": True}])
@pytest.mark.parametrize("status", [200, 201, 202])
def test_a_body_that_must_be_empty_is_invalid(status: int, body: Any) -> None:
    request = endpoints.delete_events(U)
    with pytest.raises(InvalidResponse) as caught:
        read(request, response(status, body), KEY)
    assert caught.value.status == status
    assert "jane" not in str(caught.value)


@pytest.mark.parametrize("status", [200, 201, 202, 204])
@pytest.mark.parametrize("body", [b"", b" \r\n"])
def test_nothing_in_the_body_is_a_success_where_nothing_belongs(status: int, body: bytes) -> None:
    read(endpoints.delete_person(U, delete_events=False, delete_recordings=False, keep_person=False),
         response(status, body), KEY)  # fmt: skip
    with pytest.raises(InvalidResponse, match="an HTML page"):
        read(endpoints.delete_events(U), response(status, body, content_type="Text/HTML; charset=utf-8"), KEY)


@pytest.mark.parametrize("status", [203, 205, 206, 207, 226, 299])
def test_other_2xx_are_no_success_of_any_call(status: int) -> None:
    for expected in EXPECTED:
        with pytest.raises(InvalidResponse):
            read(GET.expecting(expected), response(status, {"id": 1, "results": []}), KEY)


@pytest.mark.parametrize("status", [300, 302, 304, 400, 404, 418, 500, 599])
def test_every_other_status_has_its_own_error(status: int) -> None:
    with pytest.raises(PostHogError) as caught:
        read(endpoints.delete_events(U), response(status), KEY)
    assert not isinstance(caught.value, InvalidResponse)


def test_an_error_shows_the_servers_text_without_persons_and_keys() -> None:
    server_text = {"detail": f"no {U} for {KEY.reveal()}\x1b[31m, jane@example.com"}
    with pytest.raises(InvalidResponse) as caught:
        read(bulk(), response(200, server_text), KEY)
    assert str(caught.value).endswith("is not what this call returns: no <id> for *** [31m, <email>)")


@pytest.mark.parametrize("kind", ["text/html", "text/plain", "application/octet-stream", "text/csv", "image/png"])
def test_a_body_of_another_content_type_is_not_read_as_json(kind: str) -> None:
    page = {"results": [], "next": None}
    with pytest.raises(InvalidResponse):
        read(endpoints.list_persons(), response(200, page, content_type=kind), KEY)
    for good in ("application/json", "application/json; charset=utf-8", "APPLICATION/JSON", "application/vnd.api+json"):
        assert read(endpoints.list_persons(), response(200, page, content_type=good), KEY).results == []


@pytest.mark.parametrize("status", [201, 202, 204])
def test_a_read_accepts_200_only(status: int) -> None:
    with pytest.raises(InvalidResponse, match="is not a success of this call"):
        read(endpoints.list_persons(), response(status, {"results": []}), KEY)


@pytest.mark.parametrize(
    ("request_", "body"),
    [
        (endpoints.person_activity(U, limit=1, page=1, may_be_blank=True), {"next": None}),
        (endpoints.all_activity(limit=1, page=1), {"results": None}),
        (endpoints.properties_timeline(U), {"crucial_property_keys": []}),
        (endpoints.properties_at_time("2026-01-01T00:00:00Z", distinct_id="a", person=None), {"detail": "no"}),
        (endpoints.get_person(U), {"uuid": U, "created_at": "2026-01-01T00:00:00Z", "distinct_ids": []}),
        (endpoints.get_person(U), {"uuid": U, "created_at": "2026-01-01T00:00:00Z", "properties": {}}),
        (endpoints.values("plan", None), {"refreshing": False}),
        (endpoints.cohorts(U), {}),
        (bulk(delete_events=True), {"persons_found": 1, "persons_deleted": 1}),
        (bulk(delete_recordings=True), {"persons_found": 1, "recordings_queued_for_deletion": None}),
        (endpoints.hogql("SELECT 1"), {"results": None}),
    ],
)
def test_a_missing_field_makes_a_response_invalid(request_: Request[Any], body: Any) -> None:
    with pytest.raises(InvalidResponse, match="is not what this call returns"):
        read(request_, response(200, body), KEY)


@pytest.mark.parametrize(
    ("status", "body", "problem"),
    [
        (202, {"query_status": {"id": "x", "complete": False}, "results": []}, "202 is not a success"),
        (200, {"query_status": {"id": "x", "complete": False}, "results": []}, "still running"),
        (200, {"query_status": {"complete": True, "error": True, "error_message": "m"}, "results": []}, "failed: m"),
        (200, {"is_cached": True, "results": []}, "from the server's cache"),
        (200, {"error": "bad column", "results": []}, "failed: bad column"),
        (200, {"error": {"deep": 1}, "results": []}, "the query failed"),
    ],
)
def test_rows_of_an_incomplete_query_are_invalid(status: int, body: Any, problem: str) -> None:
    with pytest.raises(InvalidResponse, match=problem):
        read(endpoints.hogql("SELECT 1"), response(status, body), KEY)
    good = {"query_status": {"complete": True}, "is_cached": False, "error": None, "results": [[1]]}
    assert read(endpoints.hogql("SELECT 1"), response(200, good), KEY).results == [[1]]


@pytest.mark.parametrize("status", [200, 201, 202])
def test_a_2xx_that_reports_a_failure_is_a_server_error(status: int) -> None:
    request = endpoints.delete_property(U, "email")
    with pytest.raises(ServerError) as caught:
        read(request, response(status, {"success": False, "detail": "Unable to delete property"}), KEY)
    assert str(caught.value) == f"POST persons/:id/delete_property/: {status} (Unable to delete property)"


def test_only_calls_whose_documentation_has_no_body_may_lack_one() -> None:
    assert read(endpoints.delete_property(U, "email"), response(200), KEY).success
    assert read(endpoints.person_activity(U, limit=1, page=1, may_be_blank=True), response(200), KEY).results == []
    assert read(endpoints.properties_timeline(U), response(200), KEY).points == []
    for request in (
        endpoints.split_person(U, main_distinct_id="a"),
        endpoints.person_activity(U, limit=1, page=1),
        endpoints.all_activity(limit=1, page=1),
        bulk(must_summarise=True),
        endpoints.get_person(U),
    ):
        with pytest.raises(InvalidResponse, match="the body is empty"):
            read(request, response(200), KEY)


def test_only_the_updated_person_may_be_in_the_response() -> None:
    request = endpoints.update_person(U, {"a": 1})
    read(request, response(200, {"uuid": U, "created_at": "2026-01-01T00:00:00Z"}), KEY)
    with pytest.raises(InvalidResponse):
        read(request, response(200, {"success": True}), KEY)


CSV = endpoints.in_csv(endpoints.list_persons(format="csv"))


def test_a_csv_is_a_whole_text_in_utf8() -> None:
    text = 'id,name\r\n1,"\u00e4,\r\nb"\r\n'
    assert read(CSV, response(200, text.encode(), content_type="text/csv; charset=utf-8"), KEY) == text
    assert read(CSV, response(200, text.encode()), KEY) == text
    assert read(CSV, response(200, b""), KEY) == ""  # for no match, and for a single person (contract 6.1)
    with pytest.raises(NotFound):
        read(CSV, response(404, {"detail": "Not found."}), KEY)


@pytest.mark.parametrize(
    ("body", "headers", "problem"),
    [
        (b"a\xff\n", {}, "is not UTF-8"),
        (b'id\r\n1,"a', {}, "ends within a cell"),
        (b"id\r\n1,a", {}, "has no line end"),
        (PAGE, {}, "an HTML page"),
        (b"id\n", {"content_type": "text/html"}, "an HTML page"),
        (b"id\n", {"content_type": "application/json"}, "is application/json, not CSV"),
        (b"id\n", {"content_type": "text/\x1b[31m"}, "is of an unknown type, not CSV"),
        (b'{"detail": "session expired"}', {}, "is JSON, not CSV: session expired"),
    ],
)
def test_incomplete_csv_is_invalid(body: bytes, headers: dict[str, str], problem: str) -> None:
    with pytest.raises(InvalidResponse, match=problem):
        read(CSV, response(200, body, **headers), KEY)


DELETION_STATUS = endpoints.probe_deletion_status()
LOOK = endpoints.probe("bulk_delete/")
GET_REFUSED = {"type": "invalid_request", "code": "method_not_allowed", "detail": 'Method "GET" not allowed.'}


@pytest.mark.parametrize("body", [PAGE, b"", {}, {"results": None}, SESSION_OVER, b'{"results": [', [], b"ok"])
def test_a_route_is_known_only_by_a_decoded_response(body: Any) -> None:
    for request in (DELETION_STATUS, LOOK, endpoints.probe_batch()):
        with pytest.raises(InvalidResponse):
            read(request, response(200, body), KEY)
        with pytest.raises(PostHogError):
            read(request, response(405, body), KEY)


def test_a_decoded_response_proves_a_route() -> None:
    assert read(DELETION_STATUS, response(200, {"results": [], "next": None}), KEY)
    assert read(endpoints.probe_batch(), response(200, {"results": {}}), KEY)
    assert read(LOOK, response(405, GET_REFUSED), KEY)
    assert not read(LOOK, response(400, {"detail": "The ID provided does not look like a personID."}), KEY)
    assert not read(LOOK, response(404, {"detail": "Endpoint not found."}), KEY)
    with pytest.raises(PostHogError):  # speaks of a person, so it tells nothing of the route
        read(LOOK, response(404, {"detail": "Not found."}), KEY)


def test_a_new_kind_of_success_needs_a_decision() -> None:
    kinds = {type(request.expects) for request in (GET, CSV, LOOK, endpoints.delete_events(U))}
    assert kinds == {Json, Csv, Probe, EmptyBody}
