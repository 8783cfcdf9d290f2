"""`posthog-bulk split`: what one response leaves out decides nothing (guarantee 11)."""

from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from changed_responses import Body, after, rewrite

from asyncclient.testing import Fault

Run = Callable[..., Any]
BY_ID = ("--distinct-ids", "ids", "--yes", "--expect-count", 2, "--retry-for", 0)
BY_MAIN = ("--main-distinct-id", "ada", "--yes", "--expect-count", 3, "--retry-for", 0)


@pytest.fixture
def ada(posthog: Any) -> UUID:
    Path("ids").write_text("stranger-1\nstranger-2\n")
    uuid: UUID = posthog.server.world.add_person(["ada", "stranger-1", "stranger-2", "ada-phone"], {"plan": "pro"})
    return uuid


def splits(posthog: Any) -> int:
    return int(posthog.server.request_counts.get("split", 0))


def leave_out(posthog: Any, *distinct_ids: str, times: int = 1, skip: int = 0, then: bool = False) -> None:
    """Leave distinct IDs out of some responses about the person: the first ones, or those that follow a split."""
    counts = [skip, times]
    counting = [not then]
    if then:
        after(posthog.server, "split", lambda: counting.__setitem__(0, True))

    def change(action: str, body: Body) -> Body | None:
        if action != "retrieve" or not counting[0]:
            return None
        if counts[0]:
            counts[0] -= 1
            return None
        if not counts[1]:
            return None
        counts[1] -= 1
        return {**body, "distinct_ids": [each for each in body["distinct_ids"] if each not in distinct_ids]}

    rewrite(posthog.server, change)


@pytest.mark.parametrize("arguments", [BY_ID, BY_MAIN])
@pytest.mark.parametrize("left_out", [("ada",), ("stranger-1",), ("stranger-1", "stranger-2", "ada-phone")], ids=str)
def test_distinct_ids_that_one_response_leaves_out_are_split_off_all_the_same(
    posthog: Any, run: Run, ada: UUID, arguments: tuple[object, ...], left_out: tuple[str, ...]
) -> None:
    leave_out(posthog, *left_out)
    result = run("split", ada, *arguments)
    if arguments is BY_MAIN and left_out == ("stranger-1",):  # two are named and three expected
        assert (result.code, splits(posthog)) == (3, 0)
        return
    assert (result.code, splits(posthog)) == (0, 1), result.err


def test_a_distinct_id_that_is_left_out_of_the_reads_of_both_kinds_once_is_split_off(
    posthog: Any, run: Run, ada: UUID
) -> None:
    leave_out(posthog, "stranger-1")
    first = [True]

    def none_found(action: str, body: Body) -> Body | None:
        if action != "batch_by_distinct_ids" or not first:
            return None
        first.clear()
        return {"results": {}}

    rewrite(posthog.server, none_found)
    result = run("split", ada, *BY_ID)
    assert (result.code, splits(posthog)) == (0, 1), result.err


@pytest.mark.parametrize("after_reads", [0, 1, 2])
def test_a_single_404_for_the_person_ends_nothing(posthog: Any, run: Run, ada: UUID, after_reads: int) -> None:
    posthog.server.faults.add(Fault("status", status=404, action="retrieve", times=1, after=after_reads))
    result = run("split", ada, *BY_ID)
    assert (result.code, splits(posthog)) == (0, 1), result.err


def test_a_person_that_two_reads_do_not_find_is_refused(posthog: Any, run: Run, ada: UUID) -> None:
    posthog.server.faults.add(Fault("status", status=404, action="retrieve"))
    result = run("split", ada, *BY_ID)
    assert (result.code, splits(posthog)) == (3, 0)
    assert "no person has the UUID" in result.err


def test_more_is_not_split_off_than_was_approved(posthog: Any, run: Run, ada: UUID) -> None:
    """All but the main distinct ID are split off by the server: also one that the first read did not show."""
    leave_out(posthog, "stranger-1", "stranger-2", times=1)
    result = run("split", ada, "--main-distinct-id", "ada", "--yes", "--expect-count", 1)
    assert (result.code, splits(posthog)) == (3, 0)
    assert "the person was changed since it was checked; nothing was sent" in result.err


def test_after_an_unclear_response_one_read_without_the_distinct_ids_confirms_nothing(
    posthog: Any, run: Run, ada: UUID
) -> None:
    posthog.server.faults.add(Fault("reset", action="split", times=1))
    leave_out(posthog, "stranger-1", "stranger-2", then=True)
    # the request never took effect; the read after it is the one that leaves the IDs out
    result = run("split", ada, *BY_ID, "--wait", 0)
    assert (result.code, result.out) == (75, "2 distinct IDs not split off yet; read the person again later\n")


def test_a_404_after_the_call_is_read_again(posthog: Any, run: Run, ada: UUID) -> None:
    after(
        posthog.server,
        "split",
        lambda: posthog.server.faults.add(Fault("status", status=404, action="retrieve", times=1)),
    )
    result = run("split", ada, *BY_ID)
    assert (result.code, splits(posthog)) == (0, 1), result.err
