"""What the server can do, found out by reading before the first write, and the way the job takes because of it.

Servers of several ages are in use (contract 8): `deletion_status` answering proves that `keep_person` is known;
without it `keep_person` would be ignored and "keep" would delete, so it is never sent there (promise 19).
"""

import msgspec

from asyncclient import Bucket, PostHogClient, RateLimits
from asyncclient import Route as ServerRoute
from bulk.errors import Refused
from bulk.operations import DeletePersons, Operation, PropertyOperation, UpdateProperties, axes
from bulk.posthog.request_costs import calls_a_person
from bulk.posthog.routes import Route, choose_route
from bulk.states import Axis

EVENTS_A_REQUEST = 1000
LONGEST_BLOCK_S = 10.0
LARGEST_BLOCK = 64
"""Persons whose single calls share one intent: as many as a worker gets through in a few seconds, so that a stop
does not wait for more and a kill does not leave more to be read."""


class Strategy(msgspec.Struct, frozen=True, kw_only=True):
    """The routes a job takes.

    Arguments:
        queue_in_bulk: queue events and recordings by bulk_delete with keep_person and read the rows back;
            otherwise one call per person, and rows cannot be verified.
        delete_in_bulk: delete persons by bulk_delete; otherwise one call per person.
        rest_call: the call that changes properties by REST, "update" or "delete_property".
        route: by which route properties are changed, and why.
        events_a_request: events that one capture request takes at most.
        block: persons whose single calls share one intent.
    """

    queue_in_bulk: bool = False
    delete_in_bulk: bool = False
    rest_call: str = ""
    route: Route | None = None
    events_a_request: int = EVENTS_A_REQUEST
    block: int = 1

    @property
    def by_capture(self) -> bool:
        """Whether properties are changed by events."""
        return self.route is not None and self.route.name == "capture"

    def one_call_per_person(self, axis: Axis) -> bool:
        """Whether what an axis stands for takes one call per person."""
        if axis is Axis.PROPERTIES:
            return not self.by_capture
        return not (self.delete_in_bulk if axis is Axis.PERSON else self.queue_in_bulk)

    @property
    def has_rows(self) -> bool:
        """Whether event deletions leave rows that can be read back."""
        return self.queue_in_bulk


async def detect_strategy(
    client: PostHogClient,
    operation: Operation,
    *,
    count: int,
    batch_size: int,
    concurrency: int,
    project_token: str | None,
) -> Strategy:
    """Ask the server what it knows and choose the way; reads only.

    Arguments:
        count: targets of the job.
        batch_size: targets of a call for many.
        concurrency: calls at once.
        project_token: the project's own capture token as the server shows it, where it does.

    Raises:
        Refused: the server has no way to do what is asked without orphaning events, or the token for the capture
            route is another project's.
    """
    if isinstance(operation, PropertyOperation):
        route = _checked(client, operation, choose_route_for(operation, count, batch_size, client), project_token)
        return Strategy(
            rest_call="update" if isinstance(operation, UpdateProperties) else "delete_property",
            route=route,
            events_a_request=events_a_request(operation),
            block=block_size(client.limits.rates, concurrency, calls_each=calls_a_person(operation)),
        )
    persons, asked = client.persons, axes(operation)
    bulk = await persons.knows("bulk_delete")
    rows = await persons.knows("deletion_status")
    if not (bulk and rows):
        for axis, named in _DELETE_ROUTES.items():
            if axis in asked and not await persons.knows(named):
                raise Refused(
                    f"this server is too old to delete the {axis.value} of a person that still exists",
                    f"update PostHog, or plan again without --delete-{axis.value}"
                    if isinstance(operation, DeletePersons)
                    else "update PostHog",
                )
    return Strategy(queue_in_bulk=bulk and rows, delete_in_bulk=bulk)


_DELETE_ROUTES: dict[Axis, ServerRoute] = {Axis.EVENTS: "delete_events", Axis.RECORDINGS: "delete_recordings"}


def choose_route_for(operation: PropertyOperation, count: int, batch_size: int, client: PostHogClient) -> Route:
    """`choose_route` at the limits of a client."""
    return choose_route(operation, count, batch_size=batch_size, rates=client.limits.rates)


def block_size(rates: RateLimits, concurrency: int, *, calls_each: int = 1) -> int:
    """Persons whose single calls share one intent, at these limits.

    Arguments:
        concurrency: calls at once.
        calls_each: calls that a person takes at most.
    """
    windows = rates.windows(Bucket.OTHERS)
    if not windows:
        return LARGEST_BLOCK
    a_second = min(limit / window_s for window_s, limit in windows.items()) / concurrency
    return max(1, min(LARGEST_BLOCK, int(a_second * LONGEST_BLOCK_S / calls_each)))


def _checked(client: PostHogClient, operation: PropertyOperation, route: Route, project_token: str | None) -> Route:
    """The route, if events can be sent by it to this very project."""
    if route.name != "capture":
        return route
    same = client.capture.goes_to(project_token)
    if same is False and project_token is not None:
        raise Refused(
            "the project token that was given is not this project's, so events would change persons of another one",
            "unset POSTHOG_PROJECT_API_KEY, the server tells the right one",
        )
    if same is not None or project_token is not None:
        return route
    if operation.route == "auto":
        return Route(name="rest", why="the server does not tell the project's token, which capture needs")
    raise Refused(
        "the capture route needs the project's token, which the server does not tell",
        "set POSTHOG_PROJECT_API_KEY, or take --route rest",
    )


def events_a_request(operation: PropertyOperation) -> int:
    """So many that they fit one request whatever the persons' distinct ids are (contract 12: 20 MB)."""
    payload = operation.properties if isinstance(operation, UpdateProperties) else operation.keys
    return max(1, min(EVENTS_A_REQUEST, LARGEST_BODY // (len(msgspec.json.encode(payload)) + REST_OF_AN_EVENT)))


LARGEST_BODY = 18_000_000
REST_OF_AN_EVENT = 4_000
"""Bytes: names, time, and a distinct id of which every character is escaped."""
