"""LocalPostHog: a PostHog-compatible server for tests and demos, in this process and on the loopback interface.

    from asyncclient.testing import LocalPostHog

    async with LocalPostHog(persons=5000, seed=1) as server:
        ...  # a client for server.url, server.project_id, server.personal_api_key

It imports nothing from the client, so that a mistake of the client is not repeated here.
"""

from asyncclient.testing.faults import Fault, Faults
from asyncclient.testing.options import PersonalKey, RateLimits, ServerOptions
from asyncclient.testing.request_record import RecordedRequest
from asyncclient.testing.server import LocalPostHog
from asyncclient.testing.state.world import World
from asyncclient.testing.tables.event_deletions import DeletionRow
from asyncclient.testing.tables.folders import FolderView
from asyncclient.testing.tables.person import PersonView

__all__ = [
    "DeletionRow",
    "Fault",
    "Faults",
    "FolderView",
    "LocalPostHog",
    "PersonView",
    "PersonalKey",
    "RateLimits",
    "RecordedRequest",
    "ServerOptions",
    "World",
]
