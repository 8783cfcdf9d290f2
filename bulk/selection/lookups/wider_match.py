"""Counts the persons that lines without a person would match if they were compared more widely. Reads only.

Nothing found here is selected: it tells the user which option to add, or what to correct in the file.
"""

from collections.abc import Iterator, Sequence

from asyncclient import PostHogClient
from bulk.posthog.batch_reads import READ_SIZE
from bulk.posthog.person_reader import PersonReader
from bulk.posthog.person_reads import Present
from bulk.selection.input_lines import email_groups
from bulk.selection.inputs.causes import cleaned
from bulk.selection.inputs.line_checks import Kind, Line
from bulk.selection.lookups.email_lookup import EmailLookup
from bulk.selection.lookups.email_match import EmailMatch


class WiderEmails:
    """Compares emails without case, under all keys that usually hold one."""

    name = "emails"

    def __init__(self, client: PostHogClient, reader: PersonReader, match: EmailMatch, *, page_size: int) -> None:
        self._lookup = EmailLookup(client, reader, page_size=page_size)
        self._match = match

    def groups(self, lines: Sequence[Line]) -> Iterator[Sequence[Line]]:
        """Yield lines in groups of one lookup."""
        meant = [Line(line.number, cleaned(line.value) or line.value) for line in lines]
        return email_groups(meant)

    async def count(self, lines: Sequence[Line]) -> list[int]:
        """Return the number of persons that each line would match.

        Raises:
            Refused, BadRequest: the server cannot be asked in this way.
        """
        emails = list(dict.fromkeys(line.value for line in lines))
        found, _ = await self._lookup.persons(emails, self._match.widest())
        counts = dict(zip(emails, map(len, found), strict=True))
        return [counts[line.value] for line in lines]


class CleanedDistinctIds:
    """Compares distinct IDs without whitespace and quotes around them, and without invisible characters."""

    name = "cleaned"

    def __init__(self, reader: PersonReader) -> None:
        self._reader = reader

    def groups(self, lines: Sequence[Line]) -> Iterator[Sequence[Line]]:
        """Yield the lines that differ from what they may mean, in groups of one lookup."""
        meant = [Line(line.number, bare) for line in lines if (bare := cleaned(line.value)) not in ("", line.value)]
        return (meant[start : start + READ_SIZE] for start in range(0, len(meant), READ_SIZE))

    async def count(self, lines: Sequence[Line]) -> list[int]:
        """Return the number of persons that each line would match."""
        results = (await self._reader.fetch_by_distinct_id(list(dict.fromkeys(line.value for line in lines)))).results
        return [int(isinstance(results[line.value], Present)) for line in lines]


def wider_match(
    client: PostHogClient, reader: PersonReader, kind: Kind, match: EmailMatch, *, page_size: int
) -> WiderEmails | CleanedDistinctIds | None:
    """Return the match that is wider than that of lines of a kind; None where there is none.

    Arguments:
        client: for listings.
        reader: reads persons by ID.
        kind: what the lines hold.
        match: how emails were compared.
        page_size: persons per page of a listing.
    """
    match kind:
        case Kind.EMAIL:
            return WiderEmails(client, reader, match, page_size=page_size)
        case Kind.DISTINCT_ID | Kind.ANY_DISTINCT_ID:
            return CleanedDistinctIds(reader)
        case _:
            return None
