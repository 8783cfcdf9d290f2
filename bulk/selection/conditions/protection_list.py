"""Looks up the persons that the lines of a protection list may mean. Reads only (guarantee 32).

A line protects every person that it may mean: the owner of the distinct ID, the person with the UUID, and the persons
with the email under any usual key, in upper or lower case. Whitespace and quotes around it do not matter, and of a line
of CSV each cell counts. So a list of staff or of legal holds protects whatever it holds.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import TypeVar
from uuid import UUID

import anyio.to_thread

from asyncclient import PostHogClient
from bulk.concurrency.stop_gate import StopGate
from bulk.errors import InputError, NotFinished
from bulk.events import WaitKind
from bulk.files.private_files import check_regular
from bulk.formatting import count_of
from bulk.posthog import person_reader
from bulk.posthog.batch_reads import READ_SIZE
from bulk.posthog.halving import because_of
from bulk.posthog.person_reader import PersonReader
from bulk.posthog.person_reads import Present, Unread
from bulk.posthog.rereads import read_until_known
from bulk.selection.id_files import Line, Reason, RefusedLine, read_any_ids
from bulk.selection.input_lines import email_groups
from bulk.selection.inputs.causes import meanings
from bulk.selection.inputs.line_checks import DISTINCT_ID_MAX, looks_like_uuid
from bulk.selection.lookups.email_match import EmailMatch

WIDEST = EmailMatch().widest()
"""How emails are compared: a person too many that stays is better than one that is erased."""
READERS = 4
"""Requests at once."""

K = TypeVar("K", UUID, str)


class ProtectionList:
    """Looks up the lines of a protection list; what one response leaves out is kept for a second read at the end.

    Arguments:
        client: for reading.
        gate: for waits between two reads.
        page_size: persons per page of a listing.
        protect: called with each person and the number of the line that names it.

    Attributes:
        lines: the number of lines read, without blank ones.
    """

    def __init__(
        self, client: PostHogClient, gate: StopGate, page_size: int, protect: Callable[[UUID, int], None]
    ) -> None:
        self._client = client
        self._reader = PersonReader(client, gate, readers=READERS)
        self._gate = gate
        self._page_size = page_size
        self._protect = protect
        self._open_ids: dict[str, list[int]] = {}
        self._open_uuids: dict[UUID, list[int]] = {}
        self._open_emails: dict[str, list[int]] = {}
        self._matched: set[int] = set()
        self._numbers: set[int] = set()
        self._uuids: set[int] = set()
        self.lines = 0

    def unmatched(self) -> list[int]:
        """Return the lines that name no person."""
        return sorted(self._numbers - self._matched)

    def unmatched_uuids(self) -> list[int]:
        """Return those of them that hold a UUID; its person may have been merged into another."""
        return sorted(self._uuids - self._matched)

    async def read(self, path: Path) -> None:
        """Protect the persons of a file.

        Raises:
            InputError: it has no line, or a line cannot be used, so that a person would stay unprotected.
            FileTrouble: it cannot be read.
            NotFinished: a line could not be looked up.
        """
        check_regular(path)  # an export is read twice at once
        lines = read_any_ids(path)
        while batch := await anyio.to_thread.run_sync(list, islice(lines, READ_SIZE)):
            await self.look_up(_usable(batch))
        await self.look_up_again()
        if self.lines == 0:
            raise InputError(
                "the protection list has only blank lines, so it would protect nobody: fill it or leave out --protect"
            )

    async def look_up(self, lines: list[Line]) -> None:
        """Protect the persons of lines."""
        self.lines += len({line.number for line in lines})
        self._numbers.update(line.number for line in lines)
        numbers: dict[str, list[int]] = {}
        for line in lines:
            for meaning in meanings(line.value):
                if len(meaning) <= DISTINCT_ID_MAX:
                    numbers.setdefault(meaning, []).append(line.number)
        uuids: dict[UUID, list[int]] = {}
        for meaning, named in numbers.items():
            if looks_like_uuid(meaning):
                uuids.setdefault(UUID(meaning.strip()), []).extend(named)
                self._uuids.update(named)
        await self._by_distinct_id(numbers)
        await self._by_uuid(uuids)
        emails = {meaning: named for meaning, named in numbers.items() if "@" in meaning}
        for email, named in (await self._by_email(emails)).items():
            self._open_emails.setdefault(email, []).extend(named)

    async def look_up_again(self) -> None:
        """Look up again what responses left out, until it is known to name a person or none.

        Raises:
            NotFinished: a line could not be looked up.
        """

        async def ids(keys: Sequence[str]) -> tuple[None, Sequence[str]]:
            await self._by_distinct_id({key: self._open_ids.pop(key) for key in keys})
            return None, list(self._open_ids)

        async def uuids(keys: Sequence[UUID]) -> tuple[None, Sequence[UUID]]:
            await self._by_uuid({key: self._open_uuids.pop(key) for key in keys})
            return None, list(self._open_uuids)

        has_waited = bool(self._open_ids or self._open_uuids)
        await read_until_known(ids, list(self._open_ids), self._gate)
        await read_until_known(uuids, list(self._open_uuids), self._gate)
        if self._open_emails:
            if not has_waited:
                wait_s = person_reader.CONFIRM_AFTER_S
                await self._gate.sleep(wait_s, WaitKind.SECOND_READ, targets=len(self._open_emails))
            await self._by_email(self._open_emails)
        if unread := len({*chain(*self._open_ids.values(), *self._open_uuids.values())}):
            why = because_of(self._reader.last_error)
            raise NotFinished(f"{count_of(unread, 'line')} of the protection list could not be looked up{why}")

    async def _by_distinct_id(self, numbers: Mapping[str, list[int]]) -> None:
        for keys in _batches(numbers):
            for key, result in (await self._reader.fetch_by_distinct_id(keys)).results.items():
                if isinstance(result, Present):
                    self._found(result.person.uuid, numbers[key])
                elif isinstance(result, Unread):
                    self._open_ids.setdefault(key, []).extend(numbers[key])

    async def _by_uuid(self, numbers: Mapping[UUID, list[int]]) -> None:
        for keys in _batches(numbers):
            for key, result in (await self._reader.fetch_by_uuid(dict.fromkeys(keys))).results.items():
                if isinstance(result, Present):
                    self._found(result.person.uuid, numbers[key])
                elif isinstance(result, Unread):
                    self._open_uuids.setdefault(key, []).extend(numbers[key])

    async def _by_email(self, numbers: Mapping[str, list[int]]) -> dict[str, list[int]]:
        """Protect the persons with these emails; return those emails that no person has by this read."""
        open_emails = dict(numbers)
        for group in email_groups([Line(named[0], email) for email, named in numbers.items()]):
            emails = [line.value for line in group]
            index = WIDEST.matching(emails)
            for condition in WIDEST.conditions(emails):
                async for person in self._client.persons.iter(properties=[condition], page_size=self._page_size):
                    # the server may compare otherwise: a person that fits no email stays protected, by the first one
                    for email in index.matches(person.properties.get(condition.key)) or emails[:1]:
                        self._found(person.uuid, numbers[email])
                        open_emails.pop(email, None)
        return open_emails

    def _found(self, uuid: UUID, lines: Sequence[int]) -> None:
        self._matched.update(lines)
        self._protect(uuid, lines[0])


def _batches(keys: Iterable[K]) -> Iterator[list[K]]:
    rest = iter(keys)
    while batch := list(islice(rest, READ_SIZE)):
        yield batch


def _usable(lines: Iterable[Line | RefusedLine]) -> list[Line]:
    """Return the lines that are not blank."""
    usable: list[Line] = []
    for line in lines:
        if isinstance(line, Line):
            usable.append(line)
        elif line.reason is not Reason.BLANK:
            raise InputError(f"line {line.number} of the protection list cannot be used ({line.reason.value})")
    return usable
