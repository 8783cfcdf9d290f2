"""A local server of any age, clients with keys of any scope, and a check of each call's whole trail."""

import itertools
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

import pytest

from asyncclient import Limits, PermissionDenied, PostHogClient, RateLimits
from asyncclient.testing import LocalPostHog, PersonalKey, PersonView, RecordedRequest, ServerOptions

# tests are no packages, so what stands beside them is found by its folder
sys.path.insert(0, str(Path(__file__).parent))

from calls import CALLS, QUEUED_S, all_but

T = TypeVar("T")

ERAS, STATUSES, FATES = (
    ("empty202", "summary", "queued"),
    ("real", "documented"),
    ("rewrite", "plain", "redirect", "gone"),
)
AGES = [
    (ERAS[era], STATUSES[status], FATES[fate])
    for era, status, fate in itertools.product(range(3), range(2), range(4))
    if (era + status + fate) % 2 == 0 or os.environ.get("POSTHOG_BULK_SLOW") == "1"
]
"""By default each two of an era, a set of statuses and a fate of the old prefix, and not each three."""
QUICK_AGES = (
    ("empty202", "real", "rewrite"),
    ("summary", "documented", "redirect"),
    ("queued", "documented", "plain"),
    ("empty202", "documented", "gone"),
)
"""Each era, each set of statuses and each fate of the old prefix at least once."""


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 1_795_000_000.0

    def __call__(self) -> float:
        return self.now


class Desk:
    """One server with three persons, of whom Ada has two distinct ids."""

    def __init__(self, server: LocalPostHog, clock: Clock) -> None:
        self.server = server
        self.world = server.world
        self.clock = clock
        self._keys = itertools.count()
        self.ada = self._add("ada", "ada-phone", plan="free", email="ada@example.com")
        self.bob = self._add("bob", plan="free", email="bob@example.com")
        self.cyd = self._add("cyd", plan="pro")

    @property
    def era(self) -> str:
        return self.server.options.era

    def person(self, uuid: UUID) -> PersonView:
        """Somebody who has to be there."""
        person = self.world.person(uuid)
        assert person is not None
        return person

    def client(self, scopes: tuple[str, ...] | None = ("*",), **settings: Any) -> PostHogClient:
        """A new client whose key has these scopes, None for a legacy key without any; all keys are one user's."""
        options = self.server.options
        key = f"phx_{next(self._keys):040}"
        user = {"first_name": options.user_first_name, "email": options.user_email}
        self.server.reconfigure(more_keys=(*options.more_keys, PersonalKey(key=key, scopes=scopes, **user)))
        settings = {"limits": Limits(RateLimits.off()), "project_id": 1} | settings
        return PostHogClient(host=self.server.url, personal_api_key=key, **settings)

    async def make(self, name: str, do: Callable[[PostHogClient], Awaitable[T]], **ids: object) -> T:
        """Make a call as its row says, and return its result.

        To a key without one of its scopes it is refused by name and has no effect; with them alone it gets a response,
        and the requests of it are those of the row and no others.
        """
        row, options = CALLS[name], self.server.options
        before = len(self.server.requests)
        for scope in row.scopes:
            await self.refused(do, all_but(scope), f"API key missing required scope '{scope}'")
        if not row.scopes:
            await self.refused(do, ("*",), "This action does not support personal API key access")
        assert not [each for each in self.server.requests[before:] if each.applied]
        before = len(self.server.requests)
        # a key for nothing but another resource cannot make the read that settles the prefix before a write
        settling = () if row.reads or row.path.startswith(("persons", "/")) else ("person:read",)
        async with self.client((*row.scopes, *settling) or None) as client:
            result = await do(client)
        made = [(each.method, each.path, each.status) for each in self.server.requests[before:]]
        assert made == row.trail(options.alias, options.success_status, **ids)
        return result

    async def refused(
        self, do: Callable[[PostHogClient], Awaitable[Any]], scopes: tuple[str, ...], detail: str
    ) -> None:
        """Find a call refused to a key with these scopes; in CSV an error has no body that could say why."""
        async with self.client(scopes) as client:
            with pytest.raises(PermissionDenied) as refusal:
                await do(client)
        told = (None, None) if ("format", "csv") in self.last.query else ("permission_denied", detail)
        assert (refusal.value.status, refusal.value.code, refusal.value.detail) == (403, *told)

    @property
    def last(self) -> RecordedRequest:
        """The latest request."""
        return self.server.requests[-1]

    def _add(self, *distinct_ids: str, **properties: Any) -> UUID:
        self.clock.now += 1
        return self.world.add_person(distinct_ids, properties)


OpenDesk = Callable[..., Any]


@pytest.fixture
def open_desk() -> OpenDesk:
    """Open a desk on a server with these options: `async with open_desk(era=...) as desk`."""

    @asynccontextmanager
    async def opened(**options: Any) -> AsyncIterator[Desk]:
        clock = Clock()
        async with LocalPostHog(options=ServerOptions(**options), clock=clock) as server:
            yield Desk(server, clock)

    return opened


@pytest.fixture(
    params=[pytest.param(age, marks=() if age in QUICK_AGES else pytest.mark.slow) for age in AGES], ids="-".join
)
async def desk(request: pytest.FixtureRequest, open_desk: OpenDesk) -> AsyncIterator[Desk]:
    """A desk on a server of each age in turn: its era, its statuses, what became of the old prefix."""
    era, success_status, alias = request.param
    settings = {"era": era, "success_status": success_status, "alias": alias, "queued_delay_s": QUEUED_S}
    async with open_desk(**settings) as opened:
        yield opened
