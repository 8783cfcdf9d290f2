"""Checks before events without a person are deleted: access, the count of events, no ID with a person. Only reads."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial

from asyncclient import PermissionDenied, PostHogClient
from bulk.concurrency.stop_gate import StopGate
from bulk.concurrency.workers import grouped, in_order
from bulk.errors import NotFinished, Refused
from bulk.events import WaitKind
from bulk.formatting import count_of
from bulk.number_ranges import format_ranges
from bulk.posthog import person_reader
from bulk.posthog.batch_reads import READ_SIZE
from bulk.posthog.halving import failure_words
from bulk.posthog.person_reader import PersonReader
from bulk.posthog.person_reads import LEFT_OUT, Present, Unread
from bulk.posthog.rereads import read_until_known
from bulk.without_person.chunks import QUERY, variables

_Found = tuple[list[str], list[str]]


async def check_access(client: PostHogClient) -> None:
    """Check that PostHog has switched data deletion requests on, and that the key may read them.

    Raises:
        PermissionDenied: the flag or the scope is missing; the note says which to look for.
    """
    try:
        await client.data_deletion_requests.list(limit=1)
    except PermissionDenied as error:
        error.add_note(
            "Deleting events without a person needs PostHog's data deletion requests: ask PostHog's support to switch "
            "them on for the organization, and give the key the scopes data_deletion_request:read and "
            "data_deletion_request:write."
        )
        raise


async def count_events(client: PostHogClient, ids: Sequence[str]) -> int:
    """Return how many events the server counts for these distinct IDs.

    Raises:
        PermissionDenied: the server does not preview for this key; the note says why.
    """
    try:
        return (await client.data_deletion_requests.preview(QUERY, variables(ids))).count
    except PermissionDenied as error:
        error.add_note(
            "PostHog may refuse this preview to every key with scopes, even to one with all of them: use an older key "
            "without scopes."
        )
        raise


async def count_again(client: PostHogClient, chunks: Sequence[Sequence[str]], gate: StopGate) -> int:
    """Return how many events the server counts, some seconds after it counted none: that may be late (guarantee 11).

    Arguments:
        client: for the previews.
        chunks: the distinct IDs of each request.
        gate: for the wait.
    """
    await gate.sleep(person_reader.CONFIRM_AFTER_S, WaitKind.SECOND_READ, targets=sum(map(len, chunks)))
    return sum([await count_events(client, ids) for ids in chunks])


async def check_no_persons(
    client: PostHogClient, lines: Mapping[str, int], gate: StopGate, *, concurrency: int
) -> None:
    """Check that no distinct ID has a person; one that a response leaves out is read a second time (guarantee 11).

    Arguments:
        client: for the reads.
        lines: the distinct IDs, each with the number of its input line.
        gate: for the waits between reads.
        concurrency: requests at once.

    Raises:
        Refused: distinct IDs have a person; the message names their lines.
        NotFinished: for some it cannot be read whether they have one.
    """
    reader = PersonReader(client, gate, readers=concurrency)

    async def read_group(ids: Sequence[str]) -> tuple[_Found, list[str]]:
        results = (await reader.fetch_by_distinct_id(ids)).results
        with_person = [each for each in ids if isinstance(results[each], Present)]
        left_out = [each for each in ids if results[each] == LEFT_OUT]
        unread = [each for each in ids if isinstance(results[each], Unread) and results[each] != LEFT_OUT]
        return (with_person, unread), left_out

    read = partial(_in_groups, read_group, concurrency)
    first, left_out = await read(list(lines))
    found, unknown = await read_until_known(read, left_out, gate)
    with_person = [each for persons, _ in (first, *found) for each in persons]
    unread = [*unknown, *(each for _, unread in (first, *found) for each in unread)]
    if with_person:
        has = "has" if len(with_person) == 1 else "have"
        raise Refused(
            f"{count_of(len(with_person), 'distinct ID')} {has} a person, in {_places(with_person, lines)}; nothing "
            "was sent",
            "leave these lines out; for events of persons, use delete-events without --without-person",
        )
    if unread:
        has = "has" if len(unread) == 1 else "have"
        where = "; ".join(filter(None, (_places(unread, lines), failure_words(reader.last_error))))
        raise NotFinished(
            f"the server did not say whether {count_of(len(unread), 'distinct ID')} {has} a person ({where}); nothing "
            "was sent",
            purpose="check",
        )


async def _in_groups(
    read: Callable[[Sequence[str]], Awaitable[tuple[_Found, list[str]]]], concurrency: int, ids: Sequence[str]
) -> tuple[_Found, list[str]]:
    with_person: list[str] = []
    unread: list[str] = []
    left_out: list[str] = []
    for (persons, failed), more in await in_order(read, [*grouped(ids, READ_SIZE)], concurrency):
        with_person += persons
        unread += failed
        left_out += more
    return (with_person, unread), left_out


def _places(ids: Sequence[str], lines: Mapping[str, int]) -> str:
    numbers = sorted(lines[each] for each in ids)
    text = format_ranges(numbers)
    return f"{'line' if len(numbers) == 1 else 'lines'} {text if len(text) <= 200 else text[:197] + '...'}"
