"""A PostHog-compatible server for tests and demos, in this process and on the loopback interface.

    from asyncclient.testing import LocalPostHog

    async with LocalPostHog(persons=5000, seed=1) as server:
        ...  # a client for server.url, server.project_id, server.personal_api_key

It imports nothing of the client, so that a mistake of the client is not mirrored in it.
"""

from asyncclient.testing.deletions import DeletionRow
from asyncclient.testing.faults import Fault, Faults
from asyncclient.testing.folders import FolderView
from asyncclient.testing.options import PersonalKey, RateLimits, ServerOptions
from asyncclient.testing.person import PersonView
from asyncclient.testing.recording import RecordedRequest
from asyncclient.testing.server import LocalPostHog
from asyncclient.testing.world import World

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
