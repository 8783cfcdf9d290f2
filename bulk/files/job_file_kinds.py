"""Recognizes a plan and a journal by their first bytes, whatever their name is. Pure."""

import re
from pathlib import Path

HEAD_BYTES = 64
"""Bytes from the start of a file that are enough to recognize it."""
PLAN_SUFFIX = ".plan.jsonl"
JOURNAL_SUFFIX = ".journal.jsonl"
RECEIPTS_SUFFIX = ".receipts"
_PLAN = re.compile(rb'\{"format":[0-9]+,"project_id":')
_JOURNAL = re.compile(rb'\{"n":0,"type":"job_opened"')
_RECEIPTS = b'{"type":"receipts",'
_BEFORE_IMAGE = b'{"n":0,"type":"before_image",'
_WITHOUT_PERSON_PLAN = b'{"type":"submissions_plan",'
_WITHOUT_PERSON_JOURNAL = b'{"n":0,"type":"submissions_opened",'


def is_plan(head: bytes) -> bool:
    """Return whether a file that starts with these bytes is a plan."""
    return _PLAN.match(head) is not None


def is_journal(head: bytes) -> bool:
    """Return whether a file that starts with these bytes is a journal."""
    return _JOURNAL.match(head) is not None


def is_without_person_plan(head: bytes) -> bool:
    """Return whether a file that starts with these bytes is a plan for events without a person."""
    return head.startswith(_WITHOUT_PERSON_PLAN)


def is_without_person_journal(head: bytes) -> bool:
    """Return whether a file that starts with these bytes is the journal of a job for events without a person."""
    return head.startswith(_WITHOUT_PERSON_JOURNAL)


def begins_without_person_journal(head: bytes) -> bool:
    """Return whether a file of only these bytes is such a journal, empty or cut within the start of its first line."""
    return _WITHOUT_PERSON_JOURNAL.startswith(head)


def other_kind(head: bytes) -> str | None:
    """Return what a file that starts with these bytes is in place of a journal or a plan; None for any other file."""
    if head.startswith(_RECEIPTS):
        return "the receipts of a job"
    if head.startswith(_BEFORE_IMAGE):
        return "a file of --keep-before"
    return None


def is_no_job_file(head: bytes) -> bool:
    """Return whether a file that starts with these bytes is no file of a job, not even one with a damaged start."""
    return head.strip() != b"" and not head.startswith(b"{") and b'"' not in head


def how_to_give_journal(path: Path) -> str:
    """Return the advice to give the journal instead of this plan, these receipts or another file."""
    suffix = RECEIPTS_SUFFIX if path.name.endswith(RECEIPTS_SUFFIX) else PLAN_SUFFIX
    return _advice(path, suffix, JOURNAL_SUFFIX, "the journal of the job")


def how_to_give_plan(journal: Path) -> str:
    """Return the advice to give the plan instead of this journal."""
    return _advice(journal, JOURNAL_SUFFIX, PLAN_SUFFIX, "the plan of the job")


def _advice(path: Path, suffix: str, wanted: str, otherwise: str) -> str:
    if path.name.endswith(suffix):
        return f"give {path.with_name(path.name.removesuffix(suffix) + wanted)}"
    return f"give {otherwise}, whose name usually ends with {wanted}"


def receipts_of(path: Path) -> Path:
    """Return the usual name of the receipts of a plan or a journal."""
    for suffix in (PLAN_SUFFIX, JOURNAL_SUFFIX, ".jsonl"):
        if path.name.endswith(suffix) and path.name != suffix:
            return path.with_name(path.name.removesuffix(suffix) + RECEIPTS_SUFFIX)
    return path.with_name(path.name + RECEIPTS_SUFFIX)
