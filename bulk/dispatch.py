"""Turns one batch of an operation into one call of the client and its answer into a verdict.

The only file that turns operations into calls. It decides neither what is due nor what follows.
"""

from collections.abc import Awaitable, Callable, Sequence
from uuid import UUID

import msgspec

from asyncclient import PostHogClient, PostHogError
from bulk.capabilities import Way
from bulk.outcomes import Axis
from bulk.verdicts import OK, Verdict, judge_bulk, judge_error

BULK_TIMEOUT_S = 120.0
"""bulk_delete takes seconds for persons with many distinct ids (contract 9)."""


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """One request to make: the route by name, what it may change, and how many targets it takes at most."""

    route: str
    axes: tuple[Axis, ...]
    most: int


def choose_call(due: Sequence[Axis], way: Way, size: int) -> Call:
    """The call that does what is due, for as many targets as the way allows.

    Arguments:
        due: EVENTS and RECORDINGS, to be queued while the person is kept, or PERSON alone, to be deleted.
        size: the batch size at the moment; at 1 a person too heavy for bulk_delete gets a call of its own.
    """
    bulk = (way.delete_in_bulk if Axis.PERSON in due else way.queue_in_bulk) and size > 1
    if bulk:
        return Call(route="bulk_delete", axes=tuple(due), most=size)
    axis = due[0]
    return Call(route=_SINGLE[axis], axes=(axis,), most=1)


_SINGLE = {Axis.PERSON: "delete", Axis.EVENTS: "delete_events", Axis.RECORDINGS: "delete_recordings"}

BUCKET = "deletes"
"""All four deleting routes share one rate limit (contract 3)."""


async def send(
    client: PostHogClient, call: Call, uuids: Sequence[UUID], before_send: Callable[[], Awaitable[None]]
) -> Verdict:
    """Make the call once.

    Arguments:
        client: its once() view is used, so the engine alone decides about attempts (promise 10).
        uuids: the persons, at most `call.most`.
        before_send: awaited when the rate limit allows the request, before bytes leave.
    """
    persons = client.once(before_send).persons
    try:
        match call.route:
            case "bulk_delete":
                summary = await persons.bulk_delete(
                    ids=uuids,
                    delete_events=Axis.EVENTS in call.axes,
                    delete_recordings=Axis.RECORDINGS in call.axes,
                    keep_person=Axis.PERSON not in call.axes,
                    timeout_s=BULK_TIMEOUT_S,
                )
                return judge_bulk(summary, uuids, call.axes)
            case "delete_events":
                await persons.delete_events(uuids[0])
            case "delete_recordings":
                await persons.delete_recordings(uuids[0])
            case _:
                await persons.delete(uuids[0])
    except PostHogError as error:
        return judge_error(error)
    return OK
