"""`posthog-bulk split`: checked, approved, sent once, read back."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from asyncclient import ConnectFailed
from asyncclient._resources.persons.api import Persons
from asyncclient.testing import Fault

Run = Callable[..., Any]


@pytest.fixture
def ada(posthog: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> UUID:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "ids").write_text("stranger-1\nstranger-2\n")
    uuid: UUID = posthog.server.world.add_person(["ada", "stranger-1", "stranger-2", "ada-phone"], {"plan": "pro"})
    return uuid


def splits(posthog: Any) -> list[Any]:
    return [request for request in posthog.server.requests if request.action == "split"]


def owner(posthog: Any, distinct_id: str) -> Any:
    return posthog.server.world.uuid_of(distinct_id)


def test_the_distinct_ids_of_a_file_become_persons_of_their_own(posthog: Any, run: Run, ada: UUID) -> None:
    result = run("split", ada, "--distinct-ids", "ids", "--yes", "--expect-count", 2)
    assert (result.code, result.out) == (0, "2 distinct IDs split off (confirmed by reading back)\n")
    assert [owner(posthog, each) == ada for each in ("ada", "ada-phone", "stranger-1", "stranger-2")] == [
        True,
        True,
        False,
        False,
    ]
    assert len(splits(posthog)) == 1
    again = run("split", ada, "--distinct-ids", "ids", "--yes", "--expect-count", 2)
    assert (again.code, again.out) == (0, "Nothing to split: 2 distinct IDs are persons of their own already\n")
    assert "stranger" not in again.err
    assert len(splits(posthog)) == 1


def test_all_but_the_main_distinct_id_are_split_off(posthog: Any, run: Run, ada: UUID) -> None:
    result = run("split", ada, "--main-distinct-id", "ada", "--yes", "--expect-count", 3, "--json")
    assert result.code == 0
    told = json.loads(result.out)
    assert (told["event"], told["person"], told["count"], told["confirmed"]) == ("split", str(ada), 3, True)
    assert posthog.server.world.person(ada).distinct_ids == ("ada",)
    nothing = run("split", ada, "--main-distinct-id", "ada", "--yes", "--expect-count", 0)
    assert (nothing.code, nothing.out) == (0, "Nothing to split: the person has only this distinct ID\n")
    assert len(splits(posthog)) == 1


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("--distinct-ids", "ids"), 3, "; nothing was sent; add --yes --expect-count 2"),
        (("--distinct-ids", "ids", "--yes"), 2, "--expect-count"),
        (("--distinct-ids", "ids", "--yes", "--expect-count", "3"), 3, "2 distinct IDs would be split off, not 3"),
        (("--main-distinct-id", "bob", "--yes", "--expect-count", "1"), 3, "does not have the main distinct ID"),
        ((), 2, "give either"),
        (("--distinct-ids", "ids", "--main-distinct-id", "ada"), 2, "give either"),
        (("--distinct-ids", "none"), 74, "none"),
    ],
)
def test_what_is_refused_sends_nothing(
    posthog: Any, run: Run, ada: UUID, arguments: tuple[str, ...], code: int, said: str
) -> None:
    result = run("split", ada, *arguments)
    assert result.code == code
    assert said in result.err
    assert splits(posthog) == []


def test_an_unknown_person_and_all_of_its_distinct_ids_are_refused(posthog: Any, run: Run, ada: UUID) -> None:
    Path("all").write_text("ada\nstranger-1\nstranger-2\nada-phone\n")
    result = run("split", ada, "--distinct-ids", "all", "--yes", "--expect-count", 4)
    assert (result.code, "no distinct ID would stay" in result.err) == (3, True)
    result = run("split", UUID(int=7), "--distinct-ids", "ids", "--yes", "--expect-count", 2)
    assert (result.code, "no person has the UUID" in result.err) == (3, True)
    posthog.server.world.add_person(["bob", "bob-phone"], {})
    Path("others").write_text("stranger-1\nbob-phone\nnobody\n")
    result = run("split", ada, "--distinct-ids", "others", "--yes", "--expect-count", 3)
    assert (result.code, "the distinct IDs of lines 2-3" in result.err) == (3, True)
    assert "bob" not in result.err
    assert splits(posthog) == []


def test_a_split_that_does_not_show_yet_is_not_finished(posthog: Any, run: Run, ada: UUID) -> None:
    posthog.server.reconfigure(split_lag_s=3600.0)
    result = run("split", ada, "--distinct-ids", "ids", "--yes", "--expect-count", 2, "--wait", 0)
    assert (result.code, result.out) == (75, "2 distinct IDs not split off yet; read the person again later\n")


def test_a_lost_response_is_read_back_and_the_call_is_not_sent_again(posthog: Any, run: Run, ada: UUID) -> None:
    posthog.server.faults.add(Fault("reset_after", action="split", times=1))
    result = run("split", ada, "--distinct-ids", "ids", "--yes", "--expect-count", 2, "--retry-for", 0)
    assert (result.code, len(splits(posthog))) == (0, 1)
    assert owner(posthog, "stranger-1") != ada


@pytest.mark.parametrize("fault", [Fault("refuse", times=5), Fault("status", status=503, times=5)], ids=str)
def test_a_server_that_is_away_is_waited_for_and_the_wait_is_shown(
    posthog: Any, run: Run, ada: UUID, fault: Fault, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("asyncclient._protocol.outage.BASE_S", 0.01)
    monkeypatch.setattr("asyncclient._protocol.outage.SHORTEST_WAIT_S", 0.01)
    posthog.server.faults.add(fault)
    result = run("split", ada, "--distinct-ids", "ids", "--yes", "--expect-count", 2, "--json")
    assert result.code == 0, result
    assert "Server not reachable since" in result.err
    assert {json.loads(line)["event"] for line in result.out.splitlines()} >= {"unreachable", "reachable", "split"}


def test_the_same_line_ends_well_after_a_split_whose_outcome_was_not_known(
    posthog: Any, run: Run, ada: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = ("split", ada, "--distinct-ids", "ids", "--yes", "--expect-count", 2, "--retry-for", "0.1")
    handle = posthog.server._handler.handle

    def handle_and_go_away(call: Any) -> Any:
        outcome = handle(call)
        if outcome.record.action == "split":
            posthog.server.faults.add(Fault("status", status=503))
        return outcome

    monkeypatch.setattr(posthog.server._handler, "handle", handle_and_go_away)
    result = run(*line)
    assert result.code == 75, result
    assert "the split was sent, but the server did not respond for" in result.sentence
    posthog.server.faults.clear()
    assert (again := run(*line)).code == 0, again
    assert again.out == "Nothing to split: 2 distinct IDs are persons of their own already\n"
    assert len(splits(posthog)) == 1


def test_after_a_split_in_part_the_advice_names_the_number_that_the_same_line_expects(
    posthog: Any, run: Run, ada: UUID
) -> None:
    Path("one").write_text("stranger-1\n")
    assert run("split", ada, "--distinct-ids", "one", "--yes", "--expect-count", 1).code == 0
    line = ("split", ada, "--distinct-ids", "ids")
    asked = run(*line)
    assert (asked.code, len(splits(posthog))) == (3, 1)
    assert f"splitting 1 distinct ID off person {ada} in project 1" in asked.sentence
    assert "add --yes --expect-count 2 (1 to split off, 1 split off already)" in asked.sentence
    for wrong in (1, 3):
        refused = run(*line, "--yes", "--expect-count", wrong)
        assert (refused.code, len(splits(posthog))) == (3, 1)
        words = "1 distinct ID would be split off, and 1 was split off already: 2 distinct IDs"
        assert f"{words}, not {wrong} (--expect-count)" in refused.sentence
    assert run(*line, "--yes", "--expect-count", 2).code == 0
    assert len(splits(posthog)) == 2


@pytest.mark.parametrize("failures", [2, None])
def test_a_call_that_cannot_connect_while_reads_can_ends(
    posthog: Any, run: Run, ada: UUID, monkeypatch: pytest.MonkeyPatch, failures: int | None
) -> None:
    monkeypatch.setattr("bulk.execution.splitting.person_split.WAITS_S", (0.0,))
    split, left, tried = Persons.split, [failures], []

    async def unreachable(self: Persons, uuid: UUID, **options: Any) -> None:
        tried.append(uuid)
        if left[0] == 0:
            await split(self, uuid, **options)
            return
        if left[0] is not None:
            left[0] -= 1
        elif len(tried) > 50:
            raise AssertionError("it does not end")
        reason = "no connection (No route to host)"
        raise ConnectFailed(reason, method="POST", path="split/", route="POST split/", sent=False)

    monkeypatch.setattr(Persons, "split", unreachable)
    result = run("split", ada, "--distinct-ids", "ids", "--yes", "--expect-count", 2)
    if failures is None:
        assert (result.code, len(tried), splits(posthog)) == (75, 6, [])
        assert "No route to host" in result.sentence
    else:
        assert (result.code, len(tried), len(splits(posthog))) == (0, 3, 1)
