"""The route table: which call a path and a method stand for, on a server of a given age (contract 1, 6, 8).

A later call gets a line here and a handler. It knows no handler and no world.
"""

import re
from collections.abc import Callable

import msgspec

from asyncclient.testing.options import ServerOptions
from asyncclient.testing.throttle import DEFAULT, DELETES, OTHERS


class Action(msgspec.Struct, frozen=True):
    """A call: its name, the scope it needs, the bucket it is counted in."""

    name: str
    scope: str
    bucket: str


class Route(msgspec.Struct, frozen=True):
    """A path with what its methods stand for. Segments in braces match anything without `/` and `.`."""

    pattern: tuple[str, ...]
    methods: dict[str, Action]
    bucket: str
    exists: Callable[[ServerOptions], bool] = lambda _options: True


class Match(msgspec.Struct, frozen=True, kw_only=True):
    """A route that a path hit, the values of its braces, and the format its suffix asks for."""

    route: Route
    values: dict[str, str]
    format: str | None

    def action(self, method: str) -> Action | None:
        """What this method stands for; HEAD is answered by the GET handler."""
        return self.route.methods.get("GET" if method == "HEAD" else method)


_READ = "person:read"
_WRITE = "person:write"


def _persons(*tail: str, methods: dict[str, Action], exists: Callable[[ServerOptions], bool] | None = None) -> Route:
    pattern = ("{project}", "persons", *tail)
    return Route(pattern, methods, OTHERS) if exists is None else Route(pattern, methods, OTHERS, exists)


_ROUTES: tuple[Route, ...] = (
    Route((), {"GET": Action("projects", "project:read", DEFAULT)}, DEFAULT),
    Route(("{project}",), {"GET": Action("projects", "project:read", DEFAULT)}, DEFAULT),
    _persons(methods={"GET": Action("list", _READ, OTHERS), "POST": Action("create", _WRITE, OTHERS)}),
    _persons(
        "bulk_delete",
        methods={"POST": Action("bulk_delete", _WRITE, DELETES)},
        exists=lambda options: options.bulk_delete,
    ),
    _persons(
        "batch_by_distinct_ids",
        methods={"POST": Action("batch_by_distinct_ids", _READ, OTHERS)},
        exists=lambda options: options.batch_reads,
    ),
    _persons(
        "batch_by_uuids",
        methods={"POST": Action("batch_by_uuids", _READ, OTHERS)},
        exists=lambda options: options.batch_reads,
    ),
    _persons(
        "deletion_status",
        methods={"GET": Action("deletion_status", _READ, OTHERS)},
        exists=lambda options: options.deletion_status,
    ),
    # After the fixed names: a name that this server does not know yet is read as a person id (contract 8).
    _persons(
        "{id}",
        methods={"GET": Action("retrieve", _READ, OTHERS), "DELETE": Action("destroy", _WRITE, DELETES)},
    ),
    _persons(
        "{id}",
        "delete_events",
        methods={"POST": Action("delete_events", _WRITE, DELETES)},
        exists=lambda options: options.delete_events,
    ),
    _persons(
        "{id}",
        "delete_recordings",
        methods={"POST": Action("delete_recordings", _WRITE, DELETES)},
        exists=lambda options: options.delete_recordings,
    ),
)

_PATH = re.compile(r"/api/(?:projects|environments)(?:/(.*))?", re.DOTALL)
_SUFFIX = re.compile(r"([^/.]+)\.([a-z0-9]+)")


def resolve(path: str, options: ServerOptions) -> Match | None:
    """The route of a path with or without its last slash, None where there is none."""
    found = _PATH.fullmatch(path)
    if found is None:
        return None
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
