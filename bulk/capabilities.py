"""What the server can do, found out by reading before the first write, and the way the job takes because of it.

Servers of several ages are in use (contract 8): `deletion_status` answering proves that `keep_person` is known;
without it `keep_person` would be ignored and "keep" would delete, so it is never sent there (promise 19).
"""

import msgspec

from asyncclient import PostHogClient
from bulk.errors import Refused
from bulk.operations import Operation


class Way(msgspec.Struct, frozen=True, kw_only=True):
    """The routes a job takes.

    Arguments:
        queue_in_bulk: queue events and recordings by bulk_delete with keep_person and read the rows back;
            otherwise a call a person, and rows cannot be verified.
        delete_in_bulk: delete persons by bulk_delete; otherwise a call a person.
    """

    queue_in_bulk: bool
    delete_in_bulk: bool

    @property
    def has_rows(self) -> bool:
        """Whether event deletions leave rows that can be read back."""
        return self.queue_in_bulk


async def find_way(client: PostHogClient, operation: Operation) -> Way:
    """Ask the server what it knows and choose the way; reads only.

    Raises:
        Refused: the server has no way to do what is asked without orphaning events.
    """
    persons = client.persons
    bulk = await persons.knows("bulk_delete")
    rows = await persons.knows("deletion_status")
    if operation.queues_first and not (bulk and rows):
        for asked, route, what in (
            (operation.delete_events, "delete_events", "events"),
            (operation.delete_recordings, "delete_recordings", "recordings"),
        ):
            if asked and not await persons.knows(route):
                raise Refused(
                    f"this server is too old to delete the {what} of a person that still exists",
                    f"update PostHog, or plan again without --delete-{what}",
                )
    return Way(queue_in_bulk=bulk and rows, delete_in_bulk=bulk)
