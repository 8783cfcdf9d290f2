"""Requests about session recordings (contract 6.7). Pure."""

from collections.abc import Sequence

import msgspec

from asyncclient._protocol.endpoints.arguments import MAX_ROWS, bounded_list, check_integer, offset_query, text
from asyncclient._protocol.endpoints.query import hogql
from asyncclient._protocol.http import Request
from asyncclient._protocol.ids import person_uuid
from asyncclient._protocol.limits.rate_limits import Bucket
from asyncclient._protocol.responses.expectations import json_model
from asyncclient.erasure import RecordingPage, RecordingsDeleted
from asyncclient.models import QueryResult

MAX_RECORDINGS = 100
"""Recordings per deletion; 20 on servers before July 2026 (contract 6.7)."""
MAX_DISTINCT_IDS = 1000
"""Distinct IDs per query."""

_PAGE = json_model(RecordingPage)
_DELETED = json_model(RecordingsDeleted, required=("success",), statuses=frozenset({200, 202}))


def list_recordings(
    person: object, *, date_from: str | None, date_to: str | None, limit: int, offset: int
) -> Request[RecordingPage]:
    """Build GET session_recordings of a person."""
    query = [("person_uuid", str(person_uuid(person))), *offset_query(limit, offset)]
    query += [
        (name, text(value, name))
        for name, value in (("date_from", date_from), ("date_to", date_to))
        if value is not None
    ]
    return Request(
        action="list_recordings",
        method="GET",
        path="session_recordings/",
        route="GET session_recordings/",
        bucket=Bucket.OTHERS,
        expects=_PAGE,
        query=tuple(query),
    )


def delete_recordings_by_id(recording_ids: Sequence[str]) -> Request[RecordingsDeleted]:
    """Build POST session_recordings/bulk_delete."""
    ids = [text(each, "ids") for each in bounded_list(recording_ids, "ids", MAX_RECORDINGS)]
    return Request(
        action="bulk_delete_recordings",
        method="POST",
        path="session_recordings/bulk_delete/",
        route="POST session_recordings/bulk_delete/",
        bucket=Bucket.DEFAULT,
        expects=_DELETED,
        body=msgspec.json.encode({"session_recording_ids": ids}),
        mutating=True,
    )


def recording_marks(
    distinct_ids: Sequence[str], *, after: str, limit: int, timeout_s: float | None = None
) -> Request[QueryResult]:
    """Build POST query for the recordings of distinct IDs, and whether each is marked as deleted.

    A recording has several rows, and a mark is on any of them. No alias has the name of a column, because it would
    replace the column in the conditions too.

    Arguments:
        distinct_ids: 1 to 1,000.
        after: the last session ID of the previous page; empty for the first page.
        limit: rows, 1 to 10,000.
        timeout_s: seconds for the call; None means the client's timeout.
    """
    check_integer(limit, "page_size", 1, MAX_ROWS)
    ids = [text(each, "distinct_ids") for each in bounded_list(distinct_ids, "distinct_ids", MAX_DISTINCT_IDS)]
    return hogql(
        "SELECT session_id, groupUniqArray(distinct_id) AS ids, max(is_deleted) AS marked "  # noqa: S608
        "FROM raw_session_replay_events WHERE distinct_id IN {distinct_ids} AND session_id > {after} "
        f"GROUP BY session_id ORDER BY session_id LIMIT {limit}",
        {"distinct_ids": ids, "after": after},
        timeout_s=timeout_s,
    )
