"""Shredding a job: what is destroyed, what stays, what is refused, and that a killed one can be repeated."""

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import msgspec
import pytest

from asyncclient import Limits, PostHogClient, RateLimits
from asyncclient.testing import LocalPostHog
from bulk import (
    ByDistinctIds,
    DeletePersons,
    JournalBusy,
    Refused,
    UpdateProperties,
    find_persons,
    make_plan,
    read_report,
    run_job,
)
from bulk.errors import FileTrouble
from bulk.jobs.shred import Shredded, shred_job
from bulk.journal.records import Verified
from bulk.journal.replay import open_journal
from bulk.journal.target_states import TargetStates
from bulk.plan.plan_lines import PlanFooter, encode_footer
from bulk.report.rendering.sections.receipt import lay_out_receipt
from bulk.requests.receipt_lines import NO_JOB, NO_KEY, encode
from bulk.requests.receipts import read_receipts_header

NOW = 1_795_000_000.0


_SHRED_ON_A_LINE = """
import sys
import anyio
from bulk import JournalBusy
from bulk.jobs.shred import shred_job
print("ready", flush=True)
sys.stdin.readline()
try:
    done = anyio.run(lambda: shred_job(sys.argv[1], receipts=True))
except JournalBusy:
    print("busy")
else:
    print("removed", len(done.removed))
"""


class Job:
    """The files of a finished job over three persons."""

    def __init__(self, folder: Path, ids: list[str]) -> None:
        self.plan, self.journal, self.receipts = (
            folder / f"x.{name}" for name in ("plan.jsonl", "journal.jsonl", "receipts")
        )
        self.ids = ids


@pytest.fixture(autouse=True)
def second_looks_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bulk.posthog.person_reader.CONFIRM_AFTER_S", 0.0)


@pytest.fixture
async def job(tmp_path: Path, request: pytest.FixtureRequest) -> Job:
    async with (
        LocalPostHog(persons=5, seed=3) as server,
        PostHogClient(
            host=server.url,
            project_id=server.project_id,
            personal_api_key=server.personal_api_key,
            limits=Limits(RateLimits.off()),
        ) as client,
    ):
        made = Job(tmp_path, [server.world.person(uuid).distinct_ids[0] for uuid in server.world.iter_uuids()][:3])
        operation = DeletePersons(delete_events=getattr(request, "param", False))
        with await make_plan(client, operation, ByDistinctIds(made.ids), made.plan) as plan:
            await run_job(client, plan, made.journal, approve=plan.digest)
    return made


def records(job: Job) -> list[dict[str, Any]]:
    return [json.loads(line) for line in job.journal.read_text().splitlines()]


async def test_the_plan_is_overwritten_and_removed_and_the_evidence_stays(job: Job) -> None:
    other_name = job.plan.with_name("hard link")
    os.link(job.plan, other_name)
    size = job.plan.stat().st_size
    done = await shred_job(job.journal, now=lambda: NOW)
    assert (done.removed, done.kept) == ((job.plan,), (job.journal, job.receipts))
    assert not job.plan.exists()
    assert other_name.read_bytes() == bytes(size)
    assert [record.get("done", False) for record in records(job) if record["type"] == "shredded"] == [False, True]
    report = read_report(job.journal)
    assert report.shredded_at == done.shredded_at == "2026-11-18T11:06:40.000Z"
    assert report.exit_code == 0
    assert [answer.result for answer in find_persons(job.journal, [*job.ids, "no"]).answers] == [
        "done", "done", "done", "not_in_job"
    ]  # fmt: skip


async def test_it_can_be_repeated_and_takes_the_receipts_too_on_request(job: Job) -> None:
    await shred_job(job.journal, now=lambda: NOW)
    lines = len(records(job))
    again = await shred_job(job.journal, now=lambda: NOW + 5)
    assert (again.removed, again.shredded_at) == ((), "2026-11-18T11:06:40.000Z")
    assert len(records(job)) == lines
    assert (await shred_job(job.journal, receipts=True, now=lambda: NOW + 9)).removed == (job.receipts,)
    assert not job.receipts.exists()
    with pytest.raises(FileTrouble, match="does not exist"):
        find_persons(job.journal, job.ids)
    assert read_report(job.journal).exit_code == 0


async def test_a_running_job_is_refused(job: Job) -> None:
    with open_journal(job.journal, TargetStates()), pytest.raises(JournalBusy):
        await shred_job(job.journal)
    assert job.plan.exists()


async def test_of_two_that_run_at_once_one_destroys_and_the_other_says_that_the_job_is_busy(job: Job) -> None:
    ended: list[object] = []

    async def shred() -> None:
        try:
            ended.append(await shred_job(job.journal, receipts=True, now=lambda: NOW))
        except JournalBusy as error:
            ended.append(error)

    async with anyio.create_task_group() as group:
        group.start_soon(shred)
        group.start_soon(shred)
    busy, done = sorted(ended, key=lambda one: isinstance(one, Shredded))
    assert isinstance(busy, JournalBusy)
    assert isinstance(done, Shredded)
    assert done.removed == (job.plan, job.receipts)
    assert [record.get("done", False) for record in records(job) if record["type"] == "shredded"] == [False, True]


@pytest.mark.slow
async def test_two_processes_that_shred_at_once_leave_one_destruction(
    job: Job, child: Callable[..., "subprocess.Popen[str]"]
) -> None:
    waiting = [child(_SHRED_ON_A_LINE, job.journal) for _ in range(2)]
    for process in waiting:  # both are ready
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in waiting:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    said = sorted("".join(process.communicate(timeout=60)).strip() for process in waiting)
    assert said in (["busy", "removed 2"], ["removed 0", "removed 2"])  # or the second began after the first
    assert [record.get("done", False) for record in records(job) if record["type"] == "shredded"] == [False, True]
    assert not job.plan.exists()
    assert not job.receipts.exists()


@pytest.mark.parametrize("job", [True], indirect=True, ids=["with events"])
async def test_a_job_whose_events_are_not_purged_is_refused_unless_it_is_said(job: Job) -> None:
    before = job.journal.read_bytes()
    with pytest.raises(Refused, match="waits for PostHog to purge the events of 3 persons"):
        await shred_job(job.journal)
    assert job.journal.read_bytes() == before
    assert job.plan.exists()
    await shred_job(job.journal, unfinished=True)
    assert not job.plan.exists()


async def test_the_plan_of_another_job_is_refused(job: Job, tmp_path: Path) -> None:
    other = tmp_path / "other.plan.jsonl"
    lines = job.plan.read_bytes().splitlines(keepends=True)
    changed = PlanFooter(count=3, digest="sha256:0", spent={}, findings=[])
    other.write_bytes(b"".join(lines[:-1]) + encode_footer(changed))
    with pytest.raises(Refused, match="is the plan of another job"):
        await shred_job(job.journal, plan=other)
    assert other.exists()


async def test_receipts_that_lack_their_key_get_it_before_the_plan_is_destroyed(job: Job) -> None:
    header, footer = read_receipts_header(job.receipts)
    whole = job.receipts.read_bytes()
    first, _ = encode(msgspec.structs.replace(header, key=NO_KEY), 0)
    job.receipts.write_bytes(first + whole[len(first) :])
    assert footer.persons == 3
    await shred_job(job.journal)
    assert [answer.result for answer in find_persons(job.journal, job.ids).answers] == ["done"] * 3


@pytest.mark.parametrize("named", ["plan", "journal"])
async def test_a_plan_that_was_never_run_is_destroyed_with_its_receipts(job: Job, named: str) -> None:
    _unstart(job)
    done = await shred_job(getattr(job, named), now=lambda: NOW)
    assert (done.removed, done.kept) == ((job.plan, job.receipts), ())
    assert [*job.plan.parent.iterdir()] == []


async def test_a_plan_whose_journal_is_elsewhere_is_refused_unless_it_is_said(job: Job) -> None:
    (folder := job.plan.parent / "a folder").mkdir()
    for path in (job.plan, job.journal, job.receipts):
        path.rename(folder / path.name)
    job = Job(folder, job.ids)
    moved = job.journal.rename(job.journal.with_name("moved.journal.jsonl"))
    with pytest.raises(Refused, match=r"was run.*posthog-bulk shred '.*/moved.journal.jsonl' --plan '.*/x.plan.jsonl'"):
        await shred_job(job.plan)
    moved.unlink()
    with pytest.raises(Refused, match="was run, as its receipts say"):
        await shred_job(job.plan)
    assert (await shred_job(job.plan, unfinished=True)).removed == (job.plan,)
    assert job.receipts.exists()


async def test_a_job_that_waits_and_whose_plan_is_destroyed_needs_attention(job: Job) -> None:
    """A wait that only a verification could end would never end."""
    with open_journal(job.journal, TargetStates()) as opened:
        async with opened.writer() as writer:
            writer.append(Verified(at=NOW, persons=3, unread="1"))
    assert read_report(job.journal).exit_code == 75
    with pytest.raises(Refused, match="the job can then never be verified"):
        await shred_job(job.journal)
    await shred_job(job.journal, unfinished=True)
    duty = read_report(job.journal).duty
    assert (duty.state, duty.waiting_for, duty.verify_from) == ("needs_attention", (), None)
    assert [(cause.kind, cause.targets) for cause in duty.causes] == [("never_verified", "1")]
    assert duty.causes[0].what.startswith("the plan was destroyed while the job waited for ")
    receipt = find_persons(job.journal, job.ids[1:2])
    assert [answer.result for answer in receipt.answers] == ["needs_attention"]
    (note,) = lay_out_receipt(receipt).notes
    assert "nothing more can be read back" in note


async def test_a_job_with_re_created_persons_keeps_its_plan_unless_it_is_said(job: Job) -> None:
    with open_journal(job.journal, TargetStates()) as opened:
        async with opened.writer() as writer:
            writer.append(Verified(at=NOW, persons=3, returned="1"))
    with pytest.raises(Refused, match="needs attention, for which the plan may be needed: 1 person: re-created"):
        await shred_job(job.journal)
    await shred_job(job.journal, unfinished=True)
    (cause,) = read_report(job.journal).duty.causes
    assert "--reappeared" not in cause.action
    assert "posthog-bulk report JOURNAL --find ID" in cause.action


async def test_receipts_are_not_destroyed_while_the_plan_is_elsewhere(job: Job) -> None:
    moved = job.plan.rename(job.plan.with_name("moved"))
    for receipts in (False, True):
        with pytest.raises(FileTrouble, match="name the plan of the job with --plan"):
            await shred_job(job.journal, receipts=receipts, now=lambda: NOW)
    assert job.receipts.exists()
    assert not [record for record in records(job) if record["type"] == "shredded"]
    done = await shred_job(job.journal, plan=moved, receipts=True, now=lambda: NOW + 9)
    assert done.removed == (moved, job.receipts)
    assert read_report(job.journal).shredded_at == "2026-11-18T11:06:49.000Z"


async def test_the_before_image_is_destroyed_too_and_another_file_of_its_name_is_not(tmp_path: Path) -> None:
    async with (
        LocalPostHog(persons=2, seed=3) as server,
        PostHogClient(
            host=server.url,
            project_id=server.project_id,
            personal_api_key=server.personal_api_key,
            limits=Limits(RateLimits.off()),
        ) as client,
    ):
        ids = [server.world.person(uuid).distinct_ids[0] for uuid in server.world.iter_uuids()]
        for name in ("own", "moved", "other"):
            (folder := tmp_path / name).mkdir()
            operation = UpdateProperties({"plan": name}, keep_before=str(folder / "x.before.jsonl"))
            path, journal = folder / "x.plan.jsonl", folder / "x.journal.jsonl"
            with await make_plan(client, operation, ByDistinctIds(ids), path) as plan:
                await run_job(client, plan, journal, approve=plan.digest)
            if name == "moved":
                folder = folder.rename(tmp_path / "elsewhere")
                path, journal = folder / path.name, folder / journal.name
            before = folder / "x.before.jsonl"
            (end := folder / "x.before.jsonl.torn-90").write_text("the end of an entry")
            if name == "other":
                before.write_text("something else\n")
            done = await shred_job(journal)
            assert done.removed == ((path,) if name == "other" else (before, end, path))
            assert before.exists() == end.exists() == (name == "other")
            files = '"plan"' if name == "other" else '"before_image","before_image_end_1","plan"'
            assert f'"files":[{files}]' in journal.read_text()
            assert "before.jsonl" not in journal.read_text()


def _unstart(job: Job) -> None:
    """Leave the files of a job as they are before its first run."""
    header, _ = read_receipts_header(job.receipts)
    whole = job.receipts.read_bytes()
    first, _ = encode(msgspec.structs.replace(header, job=NO_JOB), 0)
    job.receipts.write_bytes(first + whole[len(first) :])
    job.journal.unlink()


_SHRED = """
import sys
import anyio
from bulk.jobs.shred import shred_job
anyio.run(lambda: shred_job(sys.argv[1], receipts=True))
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("call", "when"), [("pwrite", 1), ("unlink", 1), ("unlink", 2), ("fdatasync", 1), ("fdatasync", 2), ("fsync", 3)]
)
async def test_a_kill_at_any_moment_can_be_repeated(job: Job, faulty: Callable[..., Any], call: str, when: int) -> None:
    killed = faulty(_SHRED, job.journal, call=call, when=when, fault="SIGKILL")
    assert killed.returncode != 0
    if not job.plan.exists() and not job.receipts.exists():
        assert records(job)[-1]["type"] == "shredded"
    await shred_job(job.journal, receipts=True)
    assert not job.plan.exists()
    assert not job.receipts.exists()
    assert records(job)[-1]["type"] == "shredded"
    assert records(job)[-1]["done"]
    assert read_report(job.journal).shredded_at is not None


@pytest.mark.slow
@pytest.mark.parametrize(("call", "when"), [("unlink", 1), ("fsync", 3)])
async def test_a_kill_while_a_plan_that_was_never_run_is_destroyed_can_be_repeated(
    job: Job, faulty: Callable[..., Any], call: str, when: int
) -> None:
    _unstart(job)
    assert faulty(_SHRED, job.plan, call=call, when=when, fault="SIGKILL").returncode != 0
    if job.plan.exists():
        await shred_job(job.plan)
    assert not job.plan.exists()
    assert not job.receipts.exists()
