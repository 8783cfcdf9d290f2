"""What the newer operations make of responses that are none: of proxies, of other projects, cut short, or errors.

The command may end with an error, or leave persons open: repeated, it does all that is left. As long as all responses
are like that, nothing is sent, and no person is done or left out of a plan (guarantee 11).
"""

import gzip
import json
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from virtual_time import run_virtual

from asyncclient import PostHogError
from asyncclient.testing.http.envelope import HTML, JSON, Response
from bulk import (
    DeletePersons,
    DeleteRecordings,
    UpdateProperties,
    make_plan,
    open_rows,
    plan_reappeared,
    plan_revert,
    run_job,
    verify_job,
)
from bulk.errors import BulkError

PERSONS = 4
ONCE, ALWAYS = 1, 10_000
READS = {"batch_by_uuids", "batch_by_distinct_ids", "query", "list", "retrieve"}


def of_another_project(response: Response) -> Response:
    """The same rows, each of another person."""
    body = response.body
    plain = gzip.decompress(body) if body[:2] == b"\x1f\x8b" else body
    found = json.loads(plain)
    for row in found["results"].values() if isinstance(found.get("results"), dict) else ():
        row["uuid"] = "f" * 8 + row["uuid"][8:]
        row["distinct_ids"] = [f"other-{each}" for each in row["distinct_ids"]]
        row["properties"] = {"plan": "other"}
    return Response(200, json.dumps(found).encode(), JSON)


def cut(response: Response) -> Response:
    return Response(200, b'{"results": {"', JSON)


ODD: dict[str, Callable[[Response], Response]] = {
    "login page": lambda _: Response(200, b"<!doctype html><html><title>Sign in</title></html>", HTML),
    "{}": lambda _: Response(200, b"{}", JSON),
    "[]": lambda _: Response(200, b"[]", JSON),
    "cut short": cut,
    "409": lambda _: Response(409, b'{"detail": "conflict"}', JSON),
    "503": lambda _: Response(503, b"<html>503</html>", HTML),
    "another project": of_another_project,
}
odd = pytest.mark.parametrize("kind", ODD)
lasting = pytest.mark.parametrize("times", [ONCE, ALWAYS])


class OddResponses:
    """Lets the server respond oddly to reads while `left` is above zero."""

    def __init__(self, a: Any, kind: str) -> None:
        self.left = self.given = 0
        handler: Any = a.server._handler
        handle = handler.handle

        def handled(call: Any) -> Any:
            outcome = handle(call)
            if not self.left or outcome.record.action not in READS or outcome.response.status != 200:
                return outcome
            self.left -= 1
            self.given += 1
            return msgspec.structs.replace(outcome, response=ODD[kind](outcome.response))

        handler.handle = handled


async def attempted(made: Any, odd: OddResponses, times: int) -> Any:
    """Return what comes of an attempt while responses are odd; None if it ends with an error that users see."""
    odd.left = times
    try:
        return await made
    except (BulkError, PostHogError):
        return None
    finally:
        assert odd.given
        odd.left = 0


def rows(a: Any) -> list[dict[str, Any]]:
    persons = [a.server.world.person(uuid) for uuid in a.everybody]
    return [{"distinct_id": each.distinct_ids[0], "plan": f"own {at}"} for at, each in enumerate(persons)]


def plans(a: Any) -> list[Any]:
    return [a.properties()[uuid]["plan"] for uuid in a.everybody]


@pytest.mark.quick_cases(3)
@odd
@lasting
def test_values_per_person_while_planning(virtual: Any, times: int, kind: str) -> None:
    async def main() -> None:
        async with virtual(persons=PERSONS) as a:
            operation, path = UpdateProperties.per_person(selected := open_rows(rows(a)), route="rest"), a.folder / "p"
            strange = OddResponses(a, kind)
            plan = await attempted(make_plan(a.client, operation, selected, path), strange, times)
            assert a.sent() == []
            assert plan is None or times == ONCE
            if plan is None:
                plan = await make_plan(a.client, operation, open_rows(rows(a)), a.folder / "p2")
            assert plan.count == PERSONS
            assert (await a.run(plan)).exit_code == 0
            assert plans(a) == [f"own {at}" for at in range(PERSONS)]

    run_virtual(main())


@pytest.mark.quick_cases(3)
@odd
@lasting
@pytest.mark.parametrize("route", ["rest", "capture"])
def test_values_per_person_while_running(virtual: Any, axis: Any, route: Any, times: int, kind: str) -> None:
    async def main() -> None:
        async with virtual(persons=PERSONS) as a:
            operation = UpdateProperties.per_person(selected := open_rows(rows(a)), route=route)
            plan = await make_plan(a.client, operation, selected, a.folder / "p")
            strange = OddResponses(a, kind)
            report = await attempted(a.run(plan, retry_for_s=60), strange, times)
            if times == ALWAYS:
                assert a.sent() == []
            assert report is None or report.exit_code in (0, 75)
            report = await a.run(plan)
            assert (report.exit_code, axis(report, "properties")) == (0, {"changed_confirmed": PERSONS})
            assert plans(a) == [f"own {at}" for at in range(PERSONS)]

    run_virtual(main())


@pytest.mark.quick_cases(3)
@odd
@lasting
@pytest.mark.parametrize("stage", ["planning", "running"])
def test_a_revert_restores_what_persons_had_despite_odd_responses(
    virtual: Any, stage: str, times: int, kind: str
) -> None:
    async def main() -> None:
        async with virtual(persons=PERSONS) as a:
            before, keep, path = a.properties(), a.folder / "before", a.folder / "revert.plan.jsonl"
            await a.run(await a.plan(operation=UpdateProperties({"plan": "x"}, route="rest", keep_before=str(keep))))
            sent, strange, plan = len(a.sent()), OddResponses(a, kind), None
            if stage == "planning":
                plan = await attempted(plan_revert(a.client, keep, path, route="rest"), strange, times)
                assert len(a.sent()) == sent
                assert plan is None or times == ONCE
            if plan is None:
                plan = await plan_revert(a.client, keep, a.folder / "again.plan.jsonl", route="rest")
            assert plan.count == PERSONS
            if stage == "running":
                run = run_job(a.client, plan, a.folder / "r", approve=plan.digest, retry_for_s=60)
                report = await attempted(run, strange, times)
                assert report is None or report.exit_code in (0, 75)
                if times == ALWAYS:
                    assert len(a.sent()) == sent
            report = await run_job(a.client, plan, a.folder / "r", approve=plan.digest)
            assert report.exit_code == 0
            assert a.properties() == before

    run_virtual(main())


@pytest.mark.quick_cases(3)
@odd
@lasting
def test_re_created_persons_while_planning(virtual: Any, times: int, kind: str) -> None:
    async def main() -> None:
        async with virtual(persons=PERSONS) as a:
            plan = await a.plan(operation=DeletePersons())
            await a.run(plan)
            for uuid in a.everybody:
                a.server.world.recreate(uuid)
            await verify_job(a.client, plan, a.journal)
            sent, strange = len(a.sent()), OddResponses(a, kind)
            made = await attempted(plan_reappeared(a.client, plan, a.journal, a.folder / "again"), strange, times)
            assert len(a.sent()) == sent
            assert made is None or times == ONCE
            if made is None:
                made = await plan_reappeared(a.client, plan, a.journal, a.folder / "again 2")
            assert made.count == PERSONS

    run_virtual(main())


@pytest.mark.quick_cases(3)
@odd
@lasting
@pytest.mark.parametrize("lag_s", [0.0, 1e6], ids=["deleted", "kept"])
def test_recordings_count_as_deleted_only_by_real_responses_to_verify(
    virtual: Any, axis: Any, lag_s: float, times: int, kind: str
) -> None:
    async def main() -> None:
        async with virtual(persons=PERSONS, recording_lag_s=lag_s) as a:
            for number, uuid in enumerate(a.everybody):
                a.server.world.add_recording(f"s{number}", [a.server.world.person(uuid).distinct_ids[0]])
            plan = await a.plan(operation=DeleteRecordings())
            await a.run(plan)
            strange = OddResponses(a, kind)
            report = await attempted(verify_job(a.client, plan, a.journal), strange, times)
            if report is not None:
                assert not {"deleted"} & set(axis(report, "recordings")) or not lag_s
            report = await verify_job(a.client, plan, a.journal)
            assert axis(report, "recordings") == {"requested" if lag_s else "deleted": PERSONS}
            assert a.left() == a.everybody

    run_virtual(main())
