"""Splits distinct IDs off one person, so that each becomes a person of its own (contract 6.11).

The call reaches the server once and never again: a second one could split a person that others have merged since. What
it did is read back.
"""

from collections.abc import AsyncIterator, Callable, Collection, Sequence
from contextlib import asynccontextmanager, suppress
from uuid import UUID

import anyio
import msgspec

from asyncclient import ConnectFailed, NotFound, PersonRef, PostHogClient, PostHogError, Unreachable
from bulk.concurrency.outages import RETRY_FOR_S, with_outage_wait
from bulk.concurrency.stop_gate import StopGate
from bulk.concurrency.workers import grouped
from bulk.errors import NotFinished, Refused
from bulk.events import Activity, OutageEvent, Wait, WaitKind
from bulk.formatting import count_of, format_duration
from bulk.number_ranges import format_ranges
from bulk.posthog import person_reader
from bulk.posthog.attempt_result import TRANSIENT_ERRORS
from bulk.posthog.batch_reads import READ_SIZE
from bulk.progress.activity_reporter import ActivityReporter, Moment
from bulk.progress.wait_tracker import WaitTracker
from bulk.selection.inputs.line_checks import Line

OnProgress = Callable[[Activity | OutageEvent], None]

WAITS_S = (0.5, 1.0, 2.0, 5.0, 10.0)
"""Seconds between reads; the last one repeats."""
MAX_CALLS = 6
"""Calls that may fail to connect, one after the other, while reads before them succeed: it is no outage that ends."""


class PersonSplit(msgspec.Struct, frozen=True):
    """What is to be split off a person.

    Arguments:
        uuid: the person's.
        distinct_ids: those that become persons of their own.
        main: the distinct ID that is to stay alone; None where others stay too.
        done: how many distinct IDs of the lines are persons of their own already, from an earlier call.
    """

    uuid: UUID
    distinct_ids: tuple[str, ...]
    main: str | None = None
    done: int = 0

    @property
    def count(self) -> int:
        """The number of distinct IDs, with those that an earlier call split off: the one that --expect-count names."""
        return len(self.distinct_ids) + self.done

    def fits(self, has: Collection[str] | None) -> bool:
        """Return whether the call splits off exactly these, from a person with these distinct IDs; None is no person.

        With a main distinct ID, the server splits off all others.
        """
        if has is None or self.main is not None:
            return has is not None and {*has} == {self.main, *self.distinct_ids}
        return {*self.distinct_ids} <= {*has}

    def __repr__(self) -> str:
        return f"PersonSplit(uuid={self.uuid}, {len(self.distinct_ids)} distinct IDs)"


async def read_split(
    client: PostHogClient,
    uuid: UUID,
    *,
    main: str | None,
    lines: Sequence[Line],
    retry_for_s: float = RETRY_FOR_S,
    on_progress: OnProgress | None = None,
) -> PersonSplit:
    """Read the person and check that it has these distinct IDs; only reads.

    Arguments:
        client: for reading.
        uuid: the person's.
        main: the distinct ID that stays, so that all others are split off; None to split off those of the lines.
        lines: distinct IDs, each with the number of its line.
        retry_for_s: seconds to wait for a server that does not respond, at most 365 days; 0 fails at once, except that
            a read is retried a few times, within seconds.
        on_progress: called with what is waited for, and with outages.

    Returns:
        What is to be split off; no distinct ID if the person has only the main one, or if an earlier call split off
        all of them.

    Raises:
        Refused: there is no such person, it does not have a distinct ID, or none would stay.
        PostHogError: the server did not respond for too long, or responded with an error.
    """
    gate = StopGate()
    async with _report_waits(client, "checking person", gate, retry_for_s, on_progress) as reading:
        with suppress(Refused):
            split = await _checked(reading, uuid, main=main, lines=lines)
            if split.distinct_ids or split.done:
                return split
        # what one response does not show may be late: the second read decides (guarantee 11)
        await gate.sleep(person_reader.CONFIRM_AFTER_S, WaitKind.SECOND_READ)
        return await _checked(reading, uuid, main=main, lines=lines)


async def _checked(client: PostHogClient, uuid: UUID, *, main: str | None, lines: Sequence[Line]) -> PersonSplit:
    """Read the person once and return what is to be split off.

    Raises:
        Refused: the response shows no such person, not all of the distinct IDs, or none that would stay.
    """
    has = await _distinct_ids(client, uuid)
    if has is None:
        raise Refused(f"no person has the UUID {uuid}", "check the UUID and the project")
    if main is not None:
        if main not in has:
            raise Refused("the person does not have the main distinct ID", "check the ID: upper case matters")
        return PersonSplit(uuid, tuple(each for each in has if each != main), main)
    others = [line for line in lines if line.value not in has]
    alone = await _persons_of_their_own(client, [line.value for line in others])
    if foreign := [line.number for line in others if line.value not in alone]:
        numbers = f"{'line' if len(foreign) == 1 else 'lines'} {format_ranges(foreign)}"
        raise Refused(
            f"the person does not have the distinct IDs of {numbers}",
            "leave them out: they are of no person, or of one with other distinct IDs",
        )
    split = PersonSplit(uuid, tuple(dict.fromkeys(line.value for line in lines if line.value in has)), done=len(alone))
    if len(split.distinct_ids) >= len(has):
        raise Refused("no distinct ID would stay with the person", "leave one out")
    return split


async def _distinct_ids(client: PostHogClient, uuid: UUID) -> tuple[str, ...] | None:
    """Return the distinct IDs that a response shows of the person; None if it shows no person."""
    try:
        return tuple((await client.persons.get(uuid)).distinct_ids)
    except NotFound:
        return None


async def _persons_of_their_own(client: PostHogClient, distinct_ids: Sequence[str]) -> set[str]:
    """Return those of the distinct IDs whose person has no other one, as after a split."""
    found: dict[str, PersonRef] = {}
    for group in grouped(distinct_ids, READ_SIZE):
        found |= await client.persons.refs_by_distinct_ids(group)
    return {each for each, person in found.items() if tuple(person.distinct_ids) == (each,)}


async def send_split(
    client: PostHogClient,
    split: PersonSplit,
    *,
    wait_s: float,
    retry_for_s: float = RETRY_FOR_S,
    on_progress: OnProgress | None = None,
) -> bool:
    """Split the distinct IDs off, once, and return whether a read shows it.

    Arguments:
        client: for the call and the reads.
        split: from `read_split`.
        wait_s: how long to wait until the split shows, in seconds.
        retry_for_s: seconds to wait for a server that does not respond, at most 365 days; 0 fails at once, except that
            a read is retried a few times, within seconds.
        on_progress: called with what is waited for, and with outages.

    Raises:
        NotFinished: the person could not be read back after the call was sent, so that its outcome is not known.
        Refused: the call would split off something else than was read, because the person was changed; nothing was
            sent.
        PostHogError: the call did not reach the server, or the server refused it; nothing was changed.
    """
    gate = StopGate()
    async with _report_waits(client, "sending", gate, retry_for_s, on_progress) as sending:
        is_accepted = await _send(sending, split, gate)
        try:
            return await _is_visible(sending, split, gate, wait_s, is_accepted=is_accepted)
        except PostHogError as error:
            why = f"the person could not be read back ({error})"
            if isinstance(error, Unreachable):
                why = f"the server did not respond for {format_duration(error.away_s)} ({error.cause})"
            raise NotFinished(
                f"the split was sent, but {why}, so its outcome is not known",
                "run the same command again to see what is left",
                purpose="split",
            ) from error


async def _send(client: PostHogClient, split: PersonSplit, gate: StopGate) -> bool:
    """Send the call, just after a read that waits for the server; again only if it certainly did not arrive.

    Returns:
        Whether the server accepted it; if not, its outcome is not known.

    Raises:
        ConnectFailed: none of the calls arrived.
    """
    by_id = None if split.main is not None else split.distinct_ids
    failed = 0
    while True:
        await _check_unchanged(client, split, gate)
        try:
            await client.persons.split(split.uuid, main_distinct_id=split.main, distinct_ids_to_split=by_id)
        except Unreachable:
            raise
        except ConnectFailed:
            failed += 1
            if not client.retry.retry_for_s or failed >= MAX_CALLS:
                raise
            await gate.sleep(WAITS_S[min(failed, len(WAITS_S)) - 1], WaitKind.RETRY)
        except TRANSIENT_ERRORS:  # the outcome is not known, and a read shows it
            return False
        else:
            return True


async def _check_unchanged(client: PostHogClient, split: PersonSplit, gate: StopGate) -> None:
    """Check, by two reads if need be, that the call would split off exactly what was approved.

    Raises:
        Refused: it would not.
    """
    if split.fits(await _distinct_ids(client, split.uuid)):
        return
    await gate.sleep(person_reader.CONFIRM_AFTER_S, WaitKind.SECOND_READ)
    if not split.fits(await _distinct_ids(client, split.uuid)):
        raise Refused("the person was changed since it was checked; nothing was sent", "run the same command again")


async def _is_visible(
    client: PostHogClient, split: PersonSplit, gate: StopGate, wait_s: float, *, is_accepted: bool
) -> bool:
    """Read the person until it has none of the distinct IDs, or the time is over.

    One response without them is enough if the accepted call explains it; otherwise a second one decides.
    """
    waits, began_at = iter(WAITS_S), anyio.current_time()
    is_explained = is_accepted
    while True:
        has = await _distinct_ids(client, split.uuid)
        if has is not None and not {*split.distinct_ids}.intersection(has):
            if is_explained:
                return True
            is_explained = True
            await gate.sleep(person_reader.CONFIRM_AFTER_S, WaitKind.SECOND_READ)
            continue
        is_explained = is_accepted
        if wait_s <= 0:
            return False
        pause_s = min(next(waits, WAITS_S[-1]), wait_s)
        waited_s = anyio.current_time() - began_at
        await gate.wait(Wait(kind=WaitKind.CATCHING_UP, waited_s=waited_s, left_s=pause_s, gives_up_in_s=wait_s))
        wait_s -= pause_s


@asynccontextmanager
async def _report_waits(
    client: PostHogClient, phase: str, gate: StopGate, retry_for_s: float, on_progress: OnProgress | None
) -> AsyncIterator[PostHogClient]:
    """Yield a view of the client that waits outages out, with all waits reported."""
    wait_tracker = WaitTracker(client.limits, gate.sleeps)

    def describe(moment: Moment) -> Activity:
        return Activity(phase=phase, elapsed_s=moment.elapsed_s, requests=moment.requests, wait=moment.wait)

    waiting = with_outage_wait(client, retry_for_s, on_outage=on_progress).observed(wait_tracker.client_event)
    async with ActivityReporter(wait_tracker, describe, on_progress).reporting():
        yield waiting


def check_count(split: PersonSplit, expected: int | None) -> None:
    """Check the number of distinct IDs, with those that are split off already, against the one that the user expects.

    Raises:
        Refused: it is another number.
    """
    left = len(split.distinct_ids)
    if left and expected is not None and expected != split.count:
        found = f"{count_of(left, 'distinct ID')} would be split off"
        if split.done:
            found += f", and {split.done:,} {'was' if split.done == 1 else 'were'} split off already"
            found += f": {count_of(split.count, 'distinct ID')}"
        raise Refused(f"{found}, not {expected:,} (--expect-count); nothing was sent", "check the person and the IDs")
