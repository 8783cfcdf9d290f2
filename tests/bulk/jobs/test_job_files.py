"""Pairs of plans and journals: what the first line of a journal says, and which of two plans came first."""

import os
from pathlib import Path

import pytest

from bulk.jobs.job_files import recorded_digest, was_published_first

DIGEST = "sha256:" + "0" * 64


def test_of_two_plans_published_in_the_same_instant_exactly_one_is_first(tmp_path: Path) -> None:
    one, other = tmp_path / "a.plan.jsonl", tmp_path / "b.plan.jsonl"
    one.touch()
    os.link(one, other)
    assert one.stat().st_ctime_ns == other.stat().st_ctime_ns
    assert [was_published_first(one, other), was_published_first(other, one)] == [True, False]


def test_a_plan_that_another_process_has_removed_is_not_the_first(tmp_path: Path) -> None:
    own = tmp_path / "b.plan.jsonl"
    own.touch()
    assert not was_published_first(tmp_path / "a.plan.jsonl", own)


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b'{"n":0,"type":"submissions_opened","plan_digest":"%b"}\nrest' % DIGEST.encode(), DIGEST),
        (b'{"n":0}\n"plan_digest":"%b"' % DIGEST.encode(), None),
        (b'notes "plan_digest":"%b"' % DIGEST.encode(), None),
        (b"", None),
        (None, None),
    ],
)
def test_the_first_line_of_a_journal_names_the_plan(tmp_path: Path, content: bytes | None, found: str | None) -> None:
    journal = tmp_path / "x.journal.jsonl"
    if content is not None:
        journal.write_bytes(content)
    assert recorded_digest(journal) == found
