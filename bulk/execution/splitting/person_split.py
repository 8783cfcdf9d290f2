"""Splits distinct IDs off one person, so that each becomes a person of its own (contract 6.11).

The call is sent once and never again: a second one could split a person that others have merged since. What it did is
read back.
"""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from uuid import UUID

import msgspec

from asyncclient import NotFound, PostHogClient
from bulk.errors import InputError, Refused
from bulk.formatting import count_of
from bulk.number_ranges import format_ranges
from bulk.posthog.attempt_result import TRANSIENT_ERRORS
from bulk.selection.inputs.line_checks import Line

WAITS_S = (0.5, 1.0, 2.0, 5.0, 10.0)
"""Seconds between reads; the last one repeats."""


class PersonSplit(msgspec.Struct, frozen=True):
    """What is to be split off a person.

    Arguments:
        uuid: the person's.
        distinct_ids: those that become persons of their own.
        main: the distinct ID that is to stay alone; None where others stay too.
    """

    uuid: UUID
    distinct_ids: tuple[str, ...]
    main: str | None = None

    def __repr__(self) -> str:
        return f"PersonSplit(uuid={self.uuid}, {len(self.distinct_ids)} distinct IDs)"


async def read_split(client: PostHogClient, uuid: UUID, *, main: str | None, lines: Sequence[Line]) -> PersonSplit:
    """Read the person and check that it has these distinct IDs; only reads.

    Arguments:
        client: for reading.
        uuid: the person's.
        main: the distinct ID that stays, so that all others are split off; None to split off those of the lines.
        lines: distinct IDs, each with the number of its line.

    Returns:
        What is to be split off; no distinct ID if the person has only the main one.

    Raises:
        Refused: there is no such person, it does not have a distinct ID, or none would stay.
    """
    try:
        has = tuple((await client.persons.get(uuid)).distinct_ids)
    except NotFound:
        raise Refused(f"no person has the UUID {uuid}", "check the UUID and the project") from None
    if main is not None:
        if main not in has:
            raise Refused("the person does not have the main distinct ID", "check the ID: upper case matters")
        return PersonSplit(uuid, tuple(each for each in has if each != main), main)
    foreign = [line.number for line in lines if line.value not in has]
    if foreign:
        numbers = f"{'line' if len(foreign) == 1 else 'lines'} {format_ranges(foreign)}"
        raise Refused(
            f"the person does not have the distinct IDs of {numbers}",
            "leave them out: they are of other persons, or split off already",
        )
    split = PersonSplit(uuid, tuple(dict.fromkeys(line.value for line in lines)))
    if len(split.distinct_ids) >= len(has):
        raise Refused("no distinct ID would stay with the person", "leave one out")
    return split


async def send_split(
    client: PostHogClient, split: PersonSplit, *, wait_s: float, sleep: Callable[[float], Awaitable[None]]
) -> bool:
    """Split the distinct IDs off, once, and return whether a read shows it.

    Arguments:
        client: for the call and the reads.
        split: from `read_split`.
        wait_s: how long to wait until the split shows, in seconds.
        sleep: waits for seconds.

    Raises:
        PostHogError: the server refused the call; nothing was changed.
    """
    by_id = None if split.main is not None else split.distinct_ids
    with suppress(*TRANSIENT_ERRORS):  # then the outcome is not known, and a read shows it
        await client.persons.split(split.uuid, main_distinct_id=split.main, distinct_ids_to_split=by_id)
    waits, wanted = iter(WAITS_S), {*split.distinct_ids}
    while True:
        person = await client.persons.get(split.uuid)
        if not wanted.intersection(person.distinct_ids):
            return True
        if wait_s <= 0:
            return False
        pause_s = min(next(waits, WAITS_S[-1]), wait_s)
        wait_s -= pause_s
        await sleep(pause_s)


def check_count(split: PersonSplit, expected: int | None) -> None:
    """Check the number of distinct IDs against the one that the user expects.

    Raises:
        Refused: it is another number.
    """
    count = len(split.distinct_ids)
    if expected is not None and expected != count:
        raise Refused(
            f"{count_of(count, 'distinct ID')} would be split off, not {expected:,} (--expect-count); nothing was sent",
            "check the person and the IDs",
        )


def usable(lines: Sequence[object]) -> list[Line]:
    """Return the lines of an input, each of which has to be usable.

    Raises:
        InputError: a line cannot be used, or there is none.
    """
    found = [line for line in lines if isinstance(line, Line)]
    if len(found) < len(lines):
        refused = next(line for line in lines if not isinstance(line, Line))
        raise InputError(f"line {refused.number} cannot be used ({refused.reason.value}); correct the input")  # type: ignore[attr-defined]
    if not found:
        raise InputError("the input has no distinct ID")
    return found
