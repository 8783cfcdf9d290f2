"""Values of properties and identifiers of persons are in the plan and on the wire, and nowhere else (guarantee 27)."""

import io
import logging
import pickle
import traceback
from typing import Any

import pytest

from asyncclient.testing import Fault
from bulk import NotFinished, UnsetProperties, UpdateProperties, read_report, verify_job
from bulk.report.rendering.json import render_json
from bulk.report.rendering.markdown import render_markdown
from bulk.report.rendering.text import render_text

MARK = "zq7secret"
VALUES = {"note": f"{MARK}-text", "deep": {"inner": [f"{MARK}-list", {f"{MARK}-key": 1}]}, "amount": 918273.25}
SECRET = (MARK, "918273")


class Output:
    """Everything that a job writes, emits or logs."""

    def __init__(self) -> None:
        self.log = io.StringIO()
        self.events: list[Any] = []
        self.errors: list[BaseException] = []

    def text(self, a: Any, report: Any) -> str:
        parts = [self.log.getvalue(), repr(self.events), a.journal.read_text(), repr(report)]
        for each in (report, read_report(a.journal)):
            parts += [render_markdown(each), render_text(each), render_json(each)]
        for error in self.errors:
            parts += [repr(error), str(error), *traceback.format_exception(error)]
        return "\n".join(map(str, parts))


@pytest.fixture
def output() -> Any:
    """Collect everything that a job writes, emits or logs, at the finest log level."""
    found = Output()
    handler = logging.StreamHandler(found.log)
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield found
    root.removeHandler(handler)
    root.setLevel(level)


FAULTS = [
    [],
    [("status", {"status": 500, "times": 1})],
    [("status", {"status": 400, "after": 2, "times": 1})],
    [("reset_after", {"times": 1}), ("garbage", {"after": 1, "times": 1})],
    [("status", {"status": 401, "after": 2, "times": 1})],
    [("status", {"status": 413, "body": "html", "times": 1})],
]


@pytest.mark.quick_cases(2)
@pytest.mark.parametrize(
    "faults", FAULTS, ids=lambda f: "+".join(f"{kind}{o.get('status', '')}" for kind, o in f) or "none"
)
@pytest.mark.parametrize("route", ["rest", "capture"])
@pytest.mark.parametrize("kind", ["update", "unset"])
async def test_no_value_and_no_identifier_is_in_journal_report_events_log_or_errors(
    arena: Any, output: Output, kind: str, route: str, faults: list[Any]
) -> None:
    async with arena(persons=0) as a:
        for number in range(60):
            properties = {"note": f"{MARK}-{number}", "email": f"{MARK}{number}@example.com"}
            a.everybody.append(a.server.world.add_person([f"{MARK}-person-{number}"], properties))
        operation: Any = UnsetProperties(("note",), route=route)
        if kind == "update":
            operation = UpdateProperties(VALUES, route=route)
        plan = await a.plan(operation=operation)
        action = "capture" if route == "capture" else "update" if kind == "update" else "delete_property"
        for name, options in faults:
            a.server.faults.add(Fault(name, action=action, **options))
        for _ in range(3):
            try:
                report = await a.run(plan, batch_size=20, on_progress=output.events.append)
            except Exception as error:
                output.errors.append(error)
        report = await verify_job(a.client, plan, a.journal, on_progress=output.events.append)
        text = output.text(a, report)
        assert len(a.sent()) >= (60 if route == "rest" else 3)
        secrets = [*SECRET, a.server.project_api_key, a.server.personal_api_key]
        assert [secret for secret in (*secrets, *map(str, a.everybody)) if secret in text] == []
        assert not [secret for secret in secrets if secret.encode() in b"".join(map(pickle.dumps, output.errors))]
        keys = ["note", "deep", "amount"] if kind == "update" else ["note"]
        assert report.operation["keys"] == keys  # keys may be shown, and are
        for name in (repr(operation), repr(plan.header.operation) if kind == "unset" else ""):
            assert MARK not in name


async def test_an_error_about_a_value_does_not_contain_it(arena: Any) -> None:
    for bad in (float("inf"), 2**60 + 918273, f"{MARK}\0", {f"{MARK}\ud800": 1}, object(), {1: MARK}, {MARK}):
        with pytest.raises(ValueError) as caught:
            UpdateProperties({"note": bad})
        assert not [secret for secret in SECRET if secret in f"{caught.value!r}{caught.value}"]
        assert "note" in str(caught.value)


async def test_another_operation_with_the_same_keys_does_not_resume_this_journal(arena: Any) -> None:
    """The journal holds no values, so the digest of the plan distinguishes the operations."""
    async with arena(persons=40) as a:
        first = await a.plan(operation=UpdateProperties({"plan": "one"}))
        await a.run(first)
        other = await a.plan(operation=UpdateProperties({"plan": "two"}), name="other")
        assert first.digest != other.digest
        with pytest.raises(Exception, match="another job"):
            await a.run(other)
        assert {each["plan"] for each in a.properties().values()} == {"one"}


async def test_an_interrupted_run_says_so_without_naming_a_person(arena: Any, output: Output) -> None:
    async with arena(persons=40, capture_lag_s=3600.0) as a:
        plan = await a.plan(operation=UpdateProperties(VALUES, route="capture"))
        with pytest.raises(NotFinished) as caught:
            await a.run(plan, wait_s=0.0)
        output.errors.append(caught.value)
        text = output.text(a, read_report(a.journal, plan))
        ids = [each for uuid in a.everybody for each in a.server.world.person(uuid).distinct_ids]
        assert [secret for secret in (*SECRET, *ids, *map(str, a.everybody)) if secret in text] == []
