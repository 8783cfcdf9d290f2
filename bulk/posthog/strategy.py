"""Detects which API calls the server has, and chooses those that a job uses. Reads only, before the first write.

Servers of several ages are in use (contract 8). A server that has `deletion_status` also knows `keep_person`. An older
server would ignore `keep_person` and delete the person, so it is never sent there (guarantee 19).
"""

import msgspec

from asyncclient import Bucket, PostHogClient, RateLimits
from asyncclient import Route as ServerRoute
from bulk.errors import Refused
from bulk.operations import (
    DeletePersons,
    Operation,
    PropertyOperation,
    UnsetProperties,
    UpdatePerPerson,
    UpdateProperties,
    axes,
)
from bulk.posthog.request_costs import ValueTotals, calls_per_person
from bulk.posthog.routes import Route, choose_route
from bulk.states import Axis

EVENTS_PER_REQUEST = 1000
MAX_BLOCK_S = 10.0
MAX_PERSONS_PER_INTENT = 64
"""Persons whose single calls share one intent: as many as one worker sends in a few seconds. A stop waits no longer
than that, and after a kill no more persons have to be read back."""


class Strategy(msgspec.Struct, frozen=True, kw_only=True):
    """The API calls that a job uses.

    Arguments:
        queue_in_bulk: whether events and recordings are queued by bulk_delete with `keep_person`, and their deletion
            rows read back; otherwise each person takes one call, and deletion rows cannot be read.
        delete_in_bulk: whether persons are deleted by bulk_delete; otherwise each person takes one call.
        rest_call: the REST call that changes properties, "update" or "delete_property".
        route: the route that changes properties, and the reason for it.
        events_per_request: maximum of events in one capture request.
        persons_per_intent: persons whose single calls share one intent.
    """

    queue_in_bulk: bool = False
    delete_in_bulk: bool = False
    rest_call: str = ""
    route: Route | None = None
    events_per_request: int = EVENTS_PER_REQUEST
    persons_per_intent: int = 1

    @property
    def by_capture(self) -> bool:
        """Whether properties are changed through the capture route."""
        return self.route is not None and self.route.name == "capture"

    def one_call_per_person(self, axis: Axis) -> bool:
        """Return whether an axis takes one call per person."""
        if axis is Axis.PROPERTIES:
            return not self.by_capture
        return not (self.delete_in_bulk if axis is Axis.PERSON else self.queue_in_bulk)

    @property
    def has_rows(self) -> bool:
        """Whether the server has deletion rows, which show when events were queued."""
        return self.queue_in_bulk


async def detect_strategy(
    client: PostHogClient,
    operation: Operation,
    *,
    count: int,
    batch_size: int,
    concurrency: int,
    project_token: str | None,
    totals: ValueTotals | None = None,
) -> Strategy:
    """Ask the server which API calls it has, and choose the strategy of a job.

    Arguments:
        count: targets of the job.
        batch_size: persons per bulk request.
        concurrency: requests at once.
        project_token: the project's capture token, where the server shows it.
        totals: of the values, where each person gets its own.

    Raises:
        Refused: the server cannot do the operation without orphaning events, or the capture token belongs to another
            project.
    """
    if isinstance(operation, PropertyOperation):
        rates = client.limits.rates
        route = choose_route(operation, count, batch_size=batch_size, rates=rates, totals=totals)
        route = _check_route(client, operation, route, project_token)
        return Strategy(
            rest_call="delete_property" if isinstance(operation, UnsetProperties) else "update",
            route=route,
            events_per_request=events_per_request(operation),
            persons_per_intent=persons_per_intent(rates, concurrency, calls_each=calls_per_person(operation)),
        )
    persons, requested = client.persons, axes(operation)
    bulk = await persons.knows("bulk_delete")
    rows = await persons.knows("deletion_status")
    if not (bulk and rows):
        for axis, route_name in _DELETE_ROUTES.items():
            if axis in requested and not await persons.knows(route_name):
                raise Refused(
                    f"this server is too old to delete the {axis.value} of a person that still exists",
                    f"update PostHog, or plan again without --delete-{axis.value}"
                    if isinstance(operation, DeletePersons)
                    else "update PostHog",
                )
    return Strategy(queue_in_bulk=bulk and rows, delete_in_bulk=bulk)


_DELETE_ROUTES: dict[Axis, ServerRoute] = {Axis.EVENTS: "delete_events", Axis.RECORDINGS: "delete_recordings"}


def persons_per_intent(rates: RateLimits, concurrency: int, *, calls_each: int = 1) -> int:
    """Return how many persons share one intent, where each takes calls of its own.

    Arguments:
        rates: the rate limits.
        concurrency: requests at once.
        calls_each: maximum of calls per person.
    """
    windows = rates.windows(Bucket.OTHERS)
    if not windows:
        return MAX_PERSONS_PER_INTENT
    per_second = min(limit / window_s for window_s, limit in windows.items()) / concurrency
    return max(1, min(MAX_PERSONS_PER_INTENT, int(per_second * MAX_BLOCK_S / calls_each)))


def _check_route(client: PostHogClient, operation: PropertyOperation, route: Route, project_token: str | None) -> Route:
    """Return the route, after a check that capture events reach this project and no other."""
    if route.name != "capture":
        return route
    same = client.capture.goes_to(project_token)
    if same is False and project_token is not None:
        raise Refused(
            "POSTHOG_PROJECT_API_KEY is the token of another project, whose persons the capture events would change",
            "unset POSTHOG_PROJECT_API_KEY: the server shows the token of this project",
        )
    if same is not None or project_token is not None:
        return route
    if operation.route == "auto":
        return Route(name="rest", why="auto: the server does not show the project token, which capture needs")
    raise Refused(
        "the capture route needs the project token, which the server does not show",
        "set POSTHOG_PROJECT_API_KEY, or use --route rest",
    )


def events_per_request(operation: PropertyOperation) -> int:
    """Return how many persons' events fit in one capture request, whatever the distinct IDs are (contract 12: 20 MB).

    Where each person has values of its own, their sizes are added up for each request.
    """
    if isinstance(operation, UpdatePerPerson):
        return EVENTS_PER_REQUEST // (2 if operation.unset_keys else 1)
    payload = operation.properties if isinstance(operation, UpdateProperties) else operation.keys
    return max(1, min(EVENTS_PER_REQUEST, MAX_BODY_BYTES // (len(msgspec.json.encode(payload)) + EVENT_OVERHEAD_BYTES)))


MAX_BODY_BYTES = 18_000_000
EVENT_OVERHEAD_BYTES = 4_000
"""Bytes of an event besides its properties: names, time, and a distinct ID with every character escaped."""
