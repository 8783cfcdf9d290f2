"""`persons` against a listing with merged persons, rows that cannot be read, and others who come and go."""

import json
from collections import Counter
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

pytestmark = pytest.mark.slow

DAYS_US = 86_400_000_000
PointAt = Callable[[int], Any]


@pytest.fixture
def point_at(serve: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> PointAt:
    """Start a server with that many persons, and an environment that points at it."""

    def start(persons: int) -> Any:
        posthog = serve(persons=persons)
        for name, value in posthog.env.items():
            monkeypatch.setenv(name, value)
        return posthog

    return start


def show_as_merged(server: Any, uuids: list[Any]) -> None:
    """Let persons show an older time than their place in the listing, as after a merge."""
    mutations = server.world.mutations
    for uuid in uuids:
        key = mutations.table.key(uuid.bytes)
        record = mutations.store.record(key)
        mutations.store.put(key, msgspec.structs.replace(record, created_us=record.created_us - 200 * DAYS_US))


def in_order(server: Any) -> list[Any]:
    """The UUIDs as they are listed."""
    mutations = server.world.mutations
    by_key = {mutations.table.key(uuid.bytes): uuid for uuid in server.world.iter_uuids()}
    return [by_key[key] for key in mutations.listing.rows.page(0, len(mutations.listing.rows))]


def test_merged_persons_and_unreadable_rows_hide_no_person(point_at: PointAt, run: Callable[..., Any]) -> None:
    posthog = point_at(330)
    server = posthog.server
    listed = in_order(server)
    show_as_merged(server, [*listed[91:99], *listed[188:198]])
    for unreadable in (listed[99], *listed[198:200], *listed[325:]):
        server.world.orphan(unreadable)
    server.churn(adds_per_request=0.5, removes_per_request=0, at="front", seed=5)
    result = run("persons")
    assert result.code == 0
    seen = Counter(json.loads(line)["uuid"] for line in result.out.splitlines())
    assert set(seen.values()) == {1}
    readable = {str(uuid) for uuid in listed} - {str(listed[99]), *map(str, listed[198:200]), *map(str, listed[325:])}
    assert readable <= set(seen)
    assert not posthog.mutations


def test_a_listing_that_cannot_be_read_completely_says_so(point_at: PointAt, run: Callable[..., Any]) -> None:
    posthog = point_at(10_150)
    for uuid in in_order(posthog.server)[120:10_140]:
        posthog.server.world.orphan(uuid)
    result = run("persons")
    assert result.code == 75
    assert result.sentence.startswith(
        "posthog-bulk: the listing is incomplete: about 10,000 consecutive rows cannot be"
    )
    assert "try again later" in result.sentence
    assert len(posthog.server.requests) < 60
