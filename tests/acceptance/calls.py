"""Every call: where it goes, what its key has to be allowed, what its response is (contract 0, 1, 2, 6, 7, 12).

Written down from the contract, not from the client: what the client sends is compared with it.
"""

from typing import NamedTuple
from uuid import UUID

QUEUED_S = 60.0
"""How long a server that queues takes to delete."""

Trail = list[tuple[str, str, int]]


class Row(NamedTuple):
    """One call. Paths begin below the project unless they begin with a slash; `status` is PostHog's own response."""

    method: str
    path: str
    scopes: tuple[str, ...]
    status: int
    documented: int | None = None
    reads: bool = False
    before: tuple[tuple[str, str, int], ...] = ()

    def response(self, success_status: str) -> int:
        """The status of a success."""
        return self.documented if success_status == "documented" and self.documented is not None else self.status

    def trail(self, alias: str, success_status: str, **ids: object) -> Trail:
        """Every request that the first call of a new client makes: method, path and response.

        A read goes to the documented prefix and is sent again only where that did not serve it; before a write a
        read of nobody settles the prefix, so that the write itself leaves once and for the right one.
        """
        path, response = self.path.format(**ids), self.response(success_status)
        if path.startswith("/"):
            return [*self.before, (self.method, path, response)]
        old, new = "/api/environments/1/", "/api/projects/1/"
        missed = {"redirect": 307, "gone": 404}.get(alias)
        if self.reads:
            found = [(self.method, old + path, response if missed is None else missed)]
            return found if missed is None else [*found, (self.method, new + path, response)]
        nobody = f"persons/{UUID(int=0)}/"
        settled = [("GET", old + nobody, 404 if missed is None else missed)]
        if missed is not None:
            settled.append(("GET", new + nobody, 404))
        return [*settled, (self.method, (old if alias == "plain" else new) + path, response)]


_READ, _WRITE = ("person:read",), ("person:write",)
_ACTIVITY = ("activity_log:read",)
_FOLDER_READ, _FOLDER_WRITE = ("persisted_folder:read",), ("persisted_folder:write",)
_PROJECT = ("project:read",)
UNDECLARED: tuple[str, ...] = ()
"""No scope is enough: only a key without scopes may (contract 6.10)."""

DOCUMENTED = {
    "persisted_folder_delete": Row("DELETE", "persisted_folder/{id}/", _FOLDER_WRITE, 204),
    "list": Row("GET", "persons/", _READ, 200, reads=True),
    "get": Row("GET", "persons/{id}/", _READ, 200, reads=True),
    "update": Row("PATCH", "persons/{id}/", _WRITE, 202, 200),
    "delete": Row("DELETE", "persons/{id}/", _WRITE, 202, 204),
    "activity": Row("GET", "persons/{id}/activity/", _ACTIVITY, 200, reads=True),
    "delete_events": Row("POST", "persons/{id}/delete_events/", _WRITE, 202, 200),
    "delete_property": Row("POST", "persons/{id}/delete_property/", _WRITE, 201, 200),
    "delete_recordings": Row("POST", "persons/{id}/delete_recordings/", _WRITE, 202, 200),
    "properties_timeline": Row("GET", "persons/{id}/properties_timeline/", UNDECLARED, 200, reads=True),
}

CALLS = {
    **DOCUMENTED,
    "bulk_delete": Row("POST", "persons/bulk_delete/", _WRITE, 202),
    "batch_by_distinct_ids": Row("POST", "persons/batch_by_distinct_ids/", _READ, 200, reads=True),
    "batch_by_uuids": Row("POST", "persons/batch_by_uuids/", _READ, 200, reads=True),
    "deletion_status": Row("GET", "persons/deletion_status/", _READ, 200, reads=True),
    "update_property": Row("POST", "persons/{id}/update_property/", _WRITE, 202),
    "split": Row("POST", "persons/{id}/split/", _WRITE, 201),
    "reset_distinct_id": Row("POST", "persons/reset_person_distinct_id/", _WRITE, 202),
    "values": Row("GET", "persons/values/", _READ, 200, reads=True),
    "cohorts": Row("GET", "persons/cohorts/", (*_READ, "cohort:read"), 200, reads=True),
    "export_csv": Row("GET", "persons/", _READ, 200, reads=True),
    "all_activity": Row("GET", "persons/activity/", _ACTIVITY, 200, reads=True),
    "properties_at_time": Row("GET", "persons/properties_at_time/", _READ, 200, reads=True),
    "persisted_folders_list": Row("GET", "persisted_folder/", _FOLDER_READ, 200, reads=True),
    "persisted_folders_create": Row("POST", "persisted_folder/", _FOLDER_WRITE, 201),
    "persisted_folders_get": Row("GET", "persisted_folder/{id}/", _FOLDER_READ, 200, reads=True),
    "persisted_folders_update": Row("PATCH", "persisted_folder/{id}/", _FOLDER_WRITE, 200),
    "projects_list": Row("GET", "/api/projects/", _PROJECT, 200, reads=True),
    "projects_get": Row("GET", "/api/projects/1/", _PROJECT, 200, reads=True),
    # The key is needed for nothing but to ask for the project's token; the batch itself goes without it.
    "capture_batch": Row("POST", "/batch/", _PROJECT, 200, before=(("GET", "/api/projects/1/", 200),)),
    "emails": Row("GET", "persons/{id}/emails/", _READ, 200, reads=True),
    "session_recordings_list": Row("GET", "session_recordings/", ("session_recording:read",), 200, reads=True),
    "session_recordings_bulk_delete": Row("POST", "session_recordings/bulk_delete/", ("session_recording:write",), 200),
    "session_recordings_marks": Row("POST", "query/", ("query:read",), 200, reads=True),
    "deletion_preview": Row("POST", "data_deletion_requests/preview/", UNDECLARED, 200, reads=True),
    "deletion_create": Row("POST", "data_deletion_requests/", ("data_deletion_request:write",), 201),
    "deletion_list": Row("GET", "data_deletion_requests/", ("data_deletion_request:read",), 200, reads=True),
    "deletion_get": Row("GET", "data_deletion_requests/{id}/", ("data_deletion_request:read",), 200, reads=True),
    "query": Row("POST", "query/", ("query:read",), 200, reads=True),
}

SCOPES = frozenset(scope for row in CALLS.values() for scope in row.scopes) | {"person:write"}


def all_but(scope: str) -> tuple[str, ...]:
    """Every scope but this one, and but the one to write where it includes this one to read (contract 2)."""
    noun, _, verb = scope.partition(":")
    missing = {scope, f"{noun}:write"} if verb == "read" else {scope}
    return tuple(sorted(SCOPES - missing))
