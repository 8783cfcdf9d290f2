"""`posthog-bulk split`: a response of a proxy or about another project splits nothing and confirms nothing."""

from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import pytest

from asyncclient.testing.http.envelope import HTML, JSON, Response

Run = Callable[..., Any]
OTHER = (
    b'{"id": 99, "uuid": "ffffffff-0000-0000-0000-000000000001", "created_at": "2026-01-01T00:00:00Z", '
    b'"distinct_ids": ["other"], "properties": {}}'
)
ODD = {
    "login page": Response(200, b"<!doctype html><html><title>Sign in</title></html>", HTML),
    "{}": Response(200, b"{}", JSON),
    "[]": Response(200, b"[]", JSON),
    "cut short": Response(200, OTHER[:60], JSON),
    "409": Response(409, b'{"detail": "conflict"}', JSON),
    "503": Response(503, b"<html>503</html>", HTML),
    "another project": Response(200, OTHER, JSON),
}


@pytest.fixture
def ada(posthog: Any) -> UUID:
    Path("ids").write_text("stranger-1\nstranger-2\n")
    uuid: UUID = posthog.server.world.add_person(["ada", "stranger-1", "stranger-2", "ada-phone"], {"plan": "pro"})
    return uuid


def respond_oddly(server: Any, kind: str, actions: set[str], *, skip: int, times: int) -> list[str]:
    """Respond oddly to calls; return the actions of those calls."""
    given: list[str] = []
    handler: Any = server._handler
    handle = handler.handle
    left = [skip, times]

    def handled(call: Any) -> Any:
        outcome = handle(call)
        if outcome.record.action not in actions or not left[1]:
            return outcome
        if left[0]:
            left[0] -= 1
            return outcome
        left[1] -= 1
        given.append(outcome.record.action)
        return msgspec.structs.replace(outcome, response=ODD[kind])

    handler.handle = handled
    return given


@pytest.mark.parametrize("kind", ODD)
@pytest.mark.parametrize("skip", [0, 1])
@pytest.mark.parametrize("times", [1, 1000])
def test_a_read_with_an_odd_response_decides_nothing(
    posthog: Any, run: Run, ada: UUID, times: int, skip: int, kind: str
) -> None:
    given = respond_oddly(posthog.server, kind, {"retrieve"}, skip=skip, times=times)
    options = ("--distinct-ids", "ids", "--yes", "--expect-count", 2, "--retry-for", 0, "--wait", 0)
    result = run("split", ada, *options)
    splits = posthog.server.request_counts.get("split", 0)
    assert given
    codes = {2} if kind == "409" else {0, 75} if times == 1 else {75}  # a refusal is not repeated
    assert result.code in codes, result.err
    assert splits in ((1,) if result.code == 0 else (0, 1))
    assert "Traceback" not in result.err
    if times == 1000 and skip == 0:
        assert splits == 0


@pytest.mark.parametrize("kind", ODD)
def test_what_cannot_be_read_back_is_said_to_have_been_sent(posthog: Any, run: Run, ada: UUID, kind: str) -> None:
    given = respond_oddly(posthog.server, kind, {"retrieve"}, skip=2, times=1000)
    options = ("--distinct-ids", "ids", "--yes", "--expect-count", 2, "--retry-for", 0, "--wait", 0)
    result = run("split", ada, *options)
    assert given
    assert posthog.server.request_counts["split"] == 1
    assert result.code == 75
    assert "the split was sent, but" in result.err
    assert "so its outcome is not known; run the same command again to see what is left" in result.err
    assert str(ada) not in result.err
