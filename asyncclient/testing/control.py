"""The control routes below /__local__/, through which a test in another process controls the server.

GET state; GET requests?action=; GET rows?person_uuid=; GET persons (the UUIDs in the store); GET orphaned;
GET folders?email=; POST faults (one or a list), DELETE faults; POST options (fields to change); POST settle;
POST approve_deletions (every pending data deletion request); POST run_event_deletion (the weekend jobs). Lists are
JSON lines. They need no key, so they are for local programs only: a request must name the loopback interface and must
not come from a web page.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec

from asyncclient.testing.faults import Fault, Faults
from asyncclient.testing.http import envelope
from asyncclient.testing.http.envelope import Refusal, Response
from asyncclient.testing.http.parsed_request import ParsedRequest
from asyncclient.testing.request_record import RequestLog
from asyncclient.testing.state.world import World

_PREFIX = "/__local__/"
_LOOPBACK = frozenset({"127.0.0.1", "localhost"})
_LINES = "application/jsonl"


class Control:
    """Responds to control requests by reading or changing the parts of a server."""

    def __init__(
        self, *, world: World, faults: Faults, log: RequestLog, reconfigure: Callable[[Mapping[str, Any]], None]
    ) -> None:
        self._world = world
        self._faults = faults
        self._log = log
        self._reconfigure = reconfigure
        self._routes: dict[tuple[str, str], Callable[[ParsedRequest], Response]] = {
            ("GET", "state"): self._state,
            ("GET", "requests"): self._requests,
            ("GET", "rows"): self._rows,
            ("GET", "persons"): lambda _request: _lines(map(str, world.iter_uuids())),
            ("GET", "orphaned"): lambda _request: _lines(sorted(map(str, world.events_orphaned()))),
            ("GET", "folders"): lambda request: _lines(world.folders(request.parameters.get("email"))),
            ("POST", "faults"): self._add_faults,
            ("DELETE", "faults"): self._clear_faults,
            ("POST", "options"): self._options,
            ("POST", "settle"): self._settle,
            ("POST", "approve_deletions"): self._approve_deletions,
            ("POST", "run_event_deletion"): self._run_event_deletion,
        }

    @staticmethod
    def owns(request: ParsedRequest) -> bool:
        """Return whether a request is for the control routes."""
        return request.path.startswith(_PREFIX)

    def respond(self, request: ParsedRequest) -> Response:
        """Return the response to a control request."""
        host = request.headers.get("host", "").partition(":")[0]
        if host not in _LOOPBACK or "origin" in request.headers:
            return envelope.permission_denied("Control routes are for local programs only.").response
        route = self._routes.get((request.method, request.path.removeprefix(_PREFIX).rstrip("/")))
        if route is None:
            return envelope.not_found("Endpoint not found.").response
        try:
            return route(request)
        except Refusal as refusal:
            return refusal.response
        except (msgspec.ValidationError, ValueError) as error:
            return envelope.invalid(str(error)).response

    def _state(self, _request: ParsedRequest) -> Response:
        mutations = self._world.mutations
        persons = self._world.count()
        return envelope.ok(
            {
                "persons": persons,
                "listed": len(mutations.listing.rows),
                "listing_changes_under_way": mutations.listing.pending(),
                "deletions_queued": mutations.queued(),
                "events_received": self._world.ingestion.received,
                "events_swallowed": self._world.ingestion.swallowed,
                "events_without_effect": self._world.ingestion.without_effect,
                "events_under_way": self._world.ingestion.under_way,
                "rows_pending": mutations.deletions.count("pending"),
                "rows_completed": mutations.deletions.count("completed"),
                "events_orphaned": len(self._world.events_orphaned()),
                "events": len(mutations.events),
                "persons_with_events_uncovered": len(self._world.events_uncovered()),
                "requests": self._log.total,
                "requests_by_action": self._log.counts(),
                "faults": len(self._faults),
                "time": mutations.clock(),
            }
        )

    def _requests(self, request: ParsedRequest) -> Response:
        return _lines(self._log.of(request.parameters.get("action")))

    def _rows(self, request: ParsedRequest) -> Response:
        uuid = request.parameters.get("person_uuid")
        return _lines(self._world.all_deletion_rows() if uuid is None else self._world.deletion_rows(uuid))

    def _add_faults(self, request: ParsedRequest) -> Response:
        data = request.data
        faults = msgspec.convert(data if isinstance(data, list) else [data], list[Fault])
        for fault in faults:
            self._faults.add(fault)
        return envelope.ok({"faults": len(self._faults)})

    def _clear_faults(self, _request: ParsedRequest) -> Response:
        self._faults.clear()
        return envelope.ok({"faults": 0})

    def _options(self, request: ParsedRequest) -> Response:
        if not isinstance(request.data, dict):
            raise envelope.invalid("Send an object of options.")
        self._reconfigure(request.data)
        return envelope.ok({"changed": sorted(request.data)})

    def _settle(self, _request: ParsedRequest) -> Response:
        self._world.mutations.settle()
        return envelope.ok({"persons": self._world.count()})

    def _approve_deletions(self, _request: ParsedRequest) -> Response:
        return envelope.ok({"approved": self._world.mutations.data_deletions.approve_all()})

    def _run_event_deletion(self, _request: ParsedRequest) -> Response:
        requests = self._world.mutations.data_deletions
        active = requests.active()
        rows = self._world.mutations.run_event_deletion()
        return envelope.ok({"completed": rows, "requests_completed": active - requests.active()})


def _lines(items: Iterable[Any]) -> Response:
    return Response(200, b"".join(envelope.encode(item) + b"\n" for item in items), _LINES)
