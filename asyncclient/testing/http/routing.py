"""The route table: which action a path and a method name, on a server of a given age (contract 1, 6, 8).

A new call gets a line here, its name in `faults.ACTIONS`, and a handler.
"""

import re
from collections.abc import Callable

import msgspec

from asyncclient.testing.http.throttle import DEFAULT, DELETES, OTHERS, PREVIEWS, SUBMISSIONS
from asyncclient.testing.options import ServerOptions


class Action(msgspec.Struct, frozen=True):
    """A call: its name, the scopes it needs (without any it refuses scoped keys), and its rate limit bucket."""

    name: str
    scopes: tuple[str, ...]
    bucket: str = OTHERS


class Route(msgspec.Struct, frozen=True):
    """A path with the action of each method. Segments in braces match anything without `/` and `.`.

    A public route needs no personal key and counts against no limit; its handler checks the project token.
    """

    pattern: tuple[str, ...]
    methods: dict[str, Action]
    bucket: str
    exists: Callable[[ServerOptions], bool] = lambda _options: True
    public: bool = False


class Match(msgspec.Struct, frozen=True, kw_only=True):
    """A matching route, the values of its braces, and the format of its suffix."""

    route: Route
    values: dict[str, str]
    format: str | None

    def action(self, method: str) -> Action | None:
        """Return the action of a method; HEAD has the one of GET."""
        return self.route.methods.get("GET" if method == "HEAD" else method)


_READ = ("person:read",)
_WRITE = ("person:write",)
_ACTIVITY = ("activity_log:read",)
_PROJECT = ("project:read",)
_FOLDER_READ = ("persisted_folder:read",)
_FOLDER_WRITE = ("persisted_folder:write",)
_DELETION_READ = ("data_deletion_request:read",)
_DELETION_WRITE = ("data_deletion_request:write",)
_UNDECLARED: tuple[str, ...] = ()


def _persons(*tail: str, exists: Callable[[ServerOptions], bool] = lambda _options: True, **methods: Action) -> Route:
    """Return a route of the persons API, with the action of each method."""
    return Route(("{project}", "persons", *tail), methods, OTHERS, exists)


_ROUTES: tuple[Route, ...] = (
    Route((), {"GET": Action("projects", _PROJECT, DEFAULT)}, DEFAULT),
    Route(("{project}",), {"GET": Action("projects", _PROJECT, DEFAULT)}, DEFAULT),
    _persons(GET=Action("list", _READ), POST=Action("create", _WRITE)),
    _persons("bulk_delete", POST=Action("bulk_delete", _WRITE, DELETES), exists=lambda options: options.bulk_delete),
    _persons(
        "batch_by_distinct_ids", POST=Action("batch_by_distinct_ids", _READ), exists=lambda options: options.batch_reads
    ),
    _persons("batch_by_uuids", POST=Action("batch_by_uuids", _READ), exists=lambda options: options.batch_reads),
    _persons("deletion_status", GET=Action("deletion_status", _READ), exists=lambda options: options.deletion_status),
    _persons("activity", GET=Action("all_activity", _ACTIVITY)),
    _persons("values", GET=Action("values", _READ)),
    _persons("cohorts", GET=Action("cohorts", (*_READ, "cohort:read"))),
    _persons(
        "properties_at_time", GET=Action("properties_at_time", _READ), exists=lambda options: options.properties_at_time
    ),
    _persons(
        "reset_person_distinct_id",
        POST=Action("reset_distinct_id", _WRITE),
        exists=lambda options: options.reset_distinct_id,
    ),
    _persons("funnel", GET=Action("funnel", _UNDECLARED), POST=Action("funnel", _UNDECLARED)),
    _persons("trends", GET=Action("trends", _UNDECLARED)),
    _persons("lifecycle", GET=Action("lifecycle", _UNDECLARED)),
    # After the fixed names: a route that this server does not have is read as a person ID (contract 8).
    _persons(
        "{id}",
        GET=Action("retrieve", _READ),
        PATCH=Action("update", _WRITE),
        PUT=Action("update", _WRITE),
        DELETE=Action("destroy", _WRITE, DELETES),
    ),
    _persons("{id}", "update_property", POST=Action("update_property", _WRITE)),
    _persons("{id}", "delete_property", POST=Action("delete_property", _WRITE)),
    _persons("{id}", "activity", GET=Action("activity", _ACTIVITY)),
    _persons("{id}", "properties_timeline", GET=Action("properties_timeline", _UNDECLARED)),
    _persons("{id}", "emails", GET=Action("emails", _READ), exists=lambda options: options.emails),
    _persons("{id}", "split", POST=Action("split", _WRITE)),
    _persons(
        "{id}",
        "delete_events",
        POST=Action("delete_events", _WRITE, DELETES),
        exists=lambda options: options.delete_events,
    ),
    _persons(
        "{id}",
        "delete_recordings",
        POST=Action("delete_recordings", _WRITE, DELETES),
        exists=lambda options: options.delete_recordings,
    ),
    Route(
        ("{project}", "persisted_folder"),
        {"GET": Action("list_folders", _FOLDER_READ, DEFAULT), "POST": Action("create_folder", _FOLDER_WRITE, DEFAULT)},
        DEFAULT,
        lambda options: options.persisted_folders,
    ),
    Route(
        ("{project}", "persisted_folder", "{id}"),
        {
            "GET": Action("get_folder", _FOLDER_READ, DEFAULT),
            "PUT": Action("replace_folder", _FOLDER_WRITE, DEFAULT),
            "PATCH": Action("update_folder", _FOLDER_WRITE, DEFAULT),
            "DELETE": Action("delete_folder", _FOLDER_WRITE, DEFAULT),
        },
        DEFAULT,
        lambda options: options.persisted_folders,
    ),
    Route(
        ("{project}", "data_deletion_requests", "preview"),
        {"POST": Action("preview_deletion", _UNDECLARED, PREVIEWS)},
        PREVIEWS,
    ),
    Route(
        ("{project}", "data_deletion_requests"),
        {
            "GET": Action("list_deletions", _DELETION_READ, DEFAULT),
            "POST": Action("create_deletion", _DELETION_WRITE, SUBMISSIONS),
        },
        DEFAULT,
    ),
    Route(
        ("{project}", "data_deletion_requests", "{id}"),
        {"GET": Action("get_deletion", _DELETION_READ, DEFAULT)},
        DEFAULT,
    ),
    Route(
        ("{project}", "session_recordings"),
        {"GET": Action("list_recordings", ("session_recording:read",), OTHERS)},
        OTHERS,
    ),
    Route(
        ("{project}", "session_recordings", "bulk_delete"),
        {"POST": Action("bulk_delete_recordings", ("session_recording:write",), DEFAULT)},
        DEFAULT,
    ),
    Route(("{project}", "query"), {"POST": Action("query", ("query:read",), OTHERS)}, OTHERS),
)

# Outside the private API: the routes of PostHog's SDKs, which use the project's token (contract 12).
_CAPTURE = Route(("batch",), {"POST": Action("capture", (), "")}, "", public=True)
_FLAGS = Route(("flags",), {"POST": Action("flags", (), "")}, "", public=True)
_PUBLIC = {
    **dict.fromkeys(("/batch", "/capture", "/track", "/e", "/i/v0/e", "/i/v0/ai/batch"), _CAPTURE),
    **dict.fromkeys(("/flags", "/decide"), _FLAGS),
}

_PATH = re.compile(r"/api/(?:projects|environments)(?:/(.*))?", re.DOTALL)
_SUFFIX = re.compile(r"([^/.]+)\.([a-z0-9]+)")


def resolve(path: str, options: ServerOptions) -> Match | None:
    """Return the route of a path, with or without a trailing slash; None if there is none."""
    found = _PATH.fullmatch(path)
    if found is None:
        public = _PUBLIC.get(path.removesuffix("/"))
        return None if public is None else Match(route=public, values={}, format=None)
    rest = (found[1] or "").removesuffix("/")
    segments = tuple(rest.split("/")) if rest else ()
    suffix = _SUFFIX.fullmatch(segments[-1]) if segments else None
    if suffix is not None:
        segments = (*segments[:-1], suffix[1])
    for route in _ROUTES:
        values = _fit(route.pattern, segments)
        if values is not None and route.exists(options):
            return Match(route=route, values=values, format=suffix[2] if suffix else None)
    return None


def _fit(pattern: tuple[str, ...], segments: tuple[str, ...]) -> dict[str, str] | None:
    if len(pattern) != len(segments):
        return None
    values = {}
    for expected, segment in zip(pattern, segments, strict=True):
        if expected[0] != "{":
            if segment != expected:
                return None
        elif not segment or "." in segment:
            return None
        else:
            values[expected[1:-1]] = segment
    return values
