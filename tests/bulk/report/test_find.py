"""Receipts that were changed, or are those of another job, are refused by name and line."""

import re
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from asyncclient import Limits, PostHogClient, RateLimits
from asyncclient.testing import LocalPostHog
from bulk import ByDistinctIds, DeletePersons, find_persons, find_request, make_plan, run_job
from bulk.errors import FileTrouble
from bulk.jobs.shred import shred_job
from bulk.requests.receipt_lines import NO_KEY, encode
from bulk.requests.receipts import read_receipts_header

LINE_FEED = 10


@pytest.fixture(autouse=True)
def second_looks_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bulk.posthog.person_reader.CONFIRM_AFTER_S", 0.0)


@pytest.fixture
async def jobs(tmp_path: Path) -> tuple[Path, Path]:
    """The journals of two finished jobs over three persons each, in folders of their own."""
    journals: list[Path] = []
    async with (
        LocalPostHog(persons=6, seed=3) as server,
        PostHogClient(
            host=server.url,
            project_id=server.project_id,
            personal_api_key=server.personal_api_key,
            limits=Limits(RateLimits.off()),
        ) as client,
    ):
        ids = [server.world.person(uuid).distinct_ids[0] for uuid in server.world.iter_uuids()]
        for name, some in (("one", ids[:3]), ("other", ids[3:])):
            (tmp_path / name).mkdir()
            journals.append(tmp_path / name / "x.journal.jsonl")
            planned = make_plan(
                client, DeletePersons(), ByDistinctIds([*some, "nobody"]), tmp_path / name / "x.plan.jsonl"
            )
            with await planned as plan:
                await run_job(client, plan, journals[-1], approve=plan.digest)
    return journals[0], journals[1]


def receipts_of(journal: Path) -> Path:
    return journal.with_name("x.receipts")


def error_of(look: Callable[[], object]) -> str:
    with pytest.raises(FileTrouble) as caught:
        look()
    return str(caught.value)


async def test_one_changed_byte_anywhere_is_named_by_its_line(jobs: tuple[Path, Path]) -> None:
    journal, _ = jobs
    path = receipts_of(journal)
    data = path.read_bytes()
    lines = data.count(b"\n")
    for place in sorted({*range(data.index(b"\n")), *range(0, len(data), 5)}):
        number = data.count(b"\n", 0, place) + 1
        path.write_bytes(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])
        message = error_of(lambda: find_persons(journal, ["nobody"]))
        assert message.startswith(f"{path} "), message
        names = {number, min(number + 1, lines) if data[place] == LINE_FEED else number}
        assert any(re.search(rf"line {name}\b", message) for name in names), (place, number, message)
    path.write_bytes(data)
    assert find_persons(journal, ["nobody"]).answers[0].result == "not_found"


@pytest.mark.parametrize("line", [1, 2, -1])
async def test_a_changed_line_is_named_whichever_way_the_receipts_are_given(jobs: tuple[Path, Path], line: int) -> None:
    journal, _ = jobs
    path = receipts_of(journal)
    lines = path.read_bytes().splitlines(keepends=True)
    number = line if line > 0 else len(lines)
    lines[number - 1] = lines[number - 1].replace(b'"crc":"', b'"crc":"0', 1)[: len(lines[number - 1]) - 3] + b'"}\n'
    path.write_bytes(b"".join(lines))
    fails = f"{path} was changed: line {number} fails its checksum; restore the receipts from a copy."
    assert error_of(lambda: find_persons(journal, ["nobody"])) == fails
    assert error_of(lambda: find_persons(journal, ["nobody"], receipts=path)) == fails
    assert error_of(lambda: find_request(journal, "DSR-1")) == fails


async def test_the_receipts_of_another_job_are_refused_by_name(jobs: tuple[Path, Path]) -> None:
    journal, other = jobs
    foreign = receipts_of(other)
    refused = f"{foreign} belongs to another job than {journal}; name the receipts of this job with --receipts."
    assert error_of(lambda: find_persons(journal, ["nobody"], receipts=foreign)) == refused
    own = receipts_of(journal)
    own.write_bytes(foreign.read_bytes())
    assert error_of(lambda: find_persons(journal, ["nobody"])) == refused.replace(str(foreign), str(own), 1)
    own.unlink()
    assert error_of(lambda: find_persons(journal, ["nobody"])).startswith(f"{own} does not exist; ")


async def test_receipts_that_do_not_fit_the_job_are_not_left_behind_in_silence(jobs: tuple[Path, Path]) -> None:
    journal, other = jobs
    path = receipts_of(journal)
    data = path.read_bytes()
    by_hand = "leave out --receipts, and remove the file yourself"
    for given, problem, fix in (
        (
            data.replace(b"x", b"y", 1) if b"x" in data[:60] else b"\1" + data[1:],
            "line 1",
            "restore the receipts from a copy, or move the file away",
        ),
        (receipts_of(other).read_bytes(), "belongs to another job", by_hand),
        (_without_key(receipts_of(other)), "has no key yet", by_hand),
    ):
        path.write_bytes(given)
        with pytest.raises(FileTrouble, match=problem + f".*{fix}"):
            await shred_job(journal, receipts=True)
        assert journal.with_name("x.plan.jsonl").exists()
    path.write_bytes(data)
    assert len((await shred_job(journal, receipts=True)).removed) == 2


def _without_key(path: Path) -> bytes:
    header, _ = read_receipts_header(path)
    first, _ = encode(msgspec.structs.replace(header, key=NO_KEY), 0)
    return first + path.read_bytes()[len(first) :]
