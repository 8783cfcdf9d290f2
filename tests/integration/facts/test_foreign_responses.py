"""A foreign server responds in place of PostHog with a 200: nothing counts as done, and no person is harmed.

A login page, the HTML of an application or the text of a proxy is not a response of the API (guarantee 11).
"""

import itertools
import os
from collections.abc import Callable, Collection
from typing import Any

import pytest

from asyncclient.testing.http.envelope import HTML, JSON, Response
from asyncclient.testing.http.parsed_request import ParsedRequest
from asyncclient.testing.http.routing import resolve
from asyncclient.testing.request_handler import Outcome, RequestHandler
from bulk import (
    DeleteEvents,
    DeletePersons,
    DeleteRecordings,
    UnsetProperties,
    UpdateProperties,
)
from bulk.errors import BulkError, NotFinished

LOGIN = Response(200, b"<!doctype html><html><title>Sign in</title></html>", HTML)
SESSION_OVER = Response(200, b'{"detail": "session expired"}', JSON)
NOT_A_PAGE = Response(200, b'{"status": "ok"}', JSON)
FOREIGN = {"page": LOGIN, "envelope": SESSION_OVER, "json": NOT_A_PAGE, "nothing": Response(200, b"", JSON)}

AGES: dict[str, dict[str, Any]] = {
    "queued": {"era": "queued"},
    "summary": {"era": "summary"},
    "december 2025": {"era": "empty202", "deletion_status": False},
    "2025": {"era": "empty202", "deletion_status": False, "keep_person": False},
    "2024": {"era": "empty202", "deletion_status": False, "keep_person": False, "bulk_delete": False},
}
OPERATIONS = {
    "delete": DeletePersons(delete_events=True, delete_recordings=True),
    "delete events": DeleteEvents(),
    "delete recordings": DeleteRecordings(),
}
CALLS = ("bulk_delete", "destroy", "delete_events", "delete_recordings")
DONE = {
    "queued",
    "requested",
    "unverifiable",
    "deleted_confirmed",
    "found_deleted",
    "purged",
    "changed_confirmed",
    "accepted",
}


def intercept(monkeypatch: pytest.MonkeyPatch, response: Response, is_foreign: Callable[[str, str], bool]) -> list[str]:
    """Let a foreign server respond to calls, by method and action; return the actions that it responded to."""
    actions: list[str] = []
    handle = RequestHandler.handle

    def foreign(self: RequestHandler, call: ParsedRequest) -> Outcome:
        match = resolve(call.path, self._mutations.options)
        action = match.action(call.method) if match is not None else None
        # this server takes an unknown route for that of a person
        last = call.path.rstrip("/").split("/")[-1]
        name = last if call.method == "GET" or action is None else action.name
        if not is_foreign(call.method, name):
            return handle(self, call)
        actions.append(name)
        return Outcome(response=response, ending="response", record=self._record(call, action))

    monkeypatch.setattr(RequestHandler, "handle", foreign)
    return actions


def cases() -> list[tuple[str, str, str, str]]:
    """Ages, operations, responses and probes; by default each three of them with each other, and not each four."""
    whole = os.environ.get("POSTHOG_BULK_SLOW") == "1"
    parts = (list(AGES), list(OPERATIONS), list(FOREIGN), ["bulk_delete", "deletion_status", "delete_events"])
    every = itertools.product(*map(enumerate, parts))
    return [tuple(name for _, name in case) for case in every if whole or sum(at for at, _ in case) % 2 == 0]  # type: ignore[misc]


def changing(names: Collection[str] = CALLS) -> Callable[[str, str], bool]:
    return lambda method, name: method in ("POST", "DELETE") and name in names


@pytest.mark.quick_cases(2)
@pytest.mark.parametrize("age", AGES)
@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("kind", ["page", "envelope", "json"])
async def test_changes_with_a_foreign_response_are_never_done(
    arena: Any, axis: Any, monkeypatch: pytest.MonkeyPatch, age: str, operation: str, kind: str
) -> None:
    async with arena(persons=6, **AGES[age]) as a:
        plan = await a.plan(operation=OPERATIONS[operation])
        actions = intercept(monkeypatch, FOREIGN[kind], changing())
        try:
            report = await a.run(plan, wait_s=0)
        except BulkError:
            pass  # ended without a success
        else:
            assert report.exit_code in (1, 75)
            for name in ("person", "events", "recordings"):
                assert not DONE & set(axis(report, name)), axis(report, name)
        assert actions
        assert a.left() == a.everybody
        assert not any(a.server.world.deletion_rows(uuid) for uuid in a.everybody)
        assert not any(a.server.world.recordings_requested(uuid) for uuid in a.everybody)


@pytest.mark.parametrize(("age", "operation", "kind", "probed"), cases())
async def test_a_capability_shown_by_a_foreign_server_does_not_count(
    arena: Any, monkeypatch: pytest.MonkeyPatch, age: str, operation: str, kind: str, probed: str
) -> None:
    async with arena(persons=6, **AGES[age]) as a:
        plan = await a.plan(operation=OPERATIONS[operation])
        actions = intercept(monkeypatch, FOREIGN[kind], lambda method, name: method == "GET" and name == probed)
        refused = None
        try:
            await a.run(plan, wait_s=0)
        except NotFinished as error:
            refused = str(error)
        if actions:
            assert "does not respond as it should" in (refused or "")
            assert a.sent() == []
            assert not a.journal.exists()
            assert a.left() == a.everybody
        else:  # the version of this server is known without that request
            assert refused is None


@pytest.mark.parametrize("kind", FOREIGN)
async def test_no_kept_person_is_deleted_by_a_server_of_unknown_age(
    arena: Any, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """The worst case: a server that ignores `keep_person`, behind a proxy that responds to the check of its version."""
    async with arena(persons=6, **AGES["2025"]) as a:
        plan = await a.plan(operation=DeleteEvents())
        intercept(monkeypatch, FOREIGN[kind], lambda method, name: method == "GET" and name == "deletion_status")
        with pytest.raises(NotFinished):
            await a.run(plan)
        assert a.left() == a.everybody
        assert a.sent() == []


@pytest.mark.quick_cases(1)
@pytest.mark.parametrize("change", [UpdateProperties({"plan": "x"}), UnsetProperties(("email",), route="rest")])
@pytest.mark.parametrize("kind", ["page", "envelope", "json"])
async def test_properties_are_done_only_when_read_as_desired(
    arena: Any, axis: Any, monkeypatch: pytest.MonkeyPatch, change: Any, kind: str
) -> None:
    async with arena(persons=6) as a:
        before = a.properties()
        plan = await a.plan(operation=change)
        actions = intercept(
            monkeypatch, FOREIGN[kind], lambda method, name: name in ("update", "delete_property", "capture")
        )
        try:
            report = await a.run(plan, wait_s=0)
        except BulkError:
            pass
        else:
            assert report.exit_code in (1, 75)
            assert not {"changed_confirmed", "found_changed"} & set(axis(report, "properties"))
        assert actions
        assert a.properties() == before


@pytest.mark.parametrize("documented", ["real", "documented"])
@pytest.mark.parametrize("age", AGES)
async def test_documented_successes_still_count(arena: Any, axis: Any, age: str, documented: Any) -> None:
    async with arena(persons=6, success_status=documented, **AGES[age]) as a:
        report = await a.run(await a.plan(operation=DeletePersons(delete_events=True)))
        assert (report.exit_code, a.left()) == (0, [])
