"""How a reader checks a report: the digests of its files with the commands that confirm them, and who signs. Pure."""

from collections.abc import Iterator

from bulk.formatting import count_of, format_count
from bulk.report.rendering.document import Block, Commands, Row, Section, Table
from bulk.report.report import Report

_FILES = (
    "JOURNAL and PLAN stand for the files of this job. The same version makes the same report from them, byte for byte."
)
_VERSION = "Version of posthog-bulk"
_CHECKS = (
    ("Make this report again, and compare it", "posthog-bulk report JOURNAL -o AGAIN.html"),
    ("Read everything back from PostHog", "posthog-bulk verify JOURNAL"),
)
_SIGNED = ("Check the signature of this file, if it was signed", "posthog-bulk verify-signature FILE --key PUBLIC.pem")


def proof_section(report: Report) -> Section:
    """Return the digests of journal and plan, each with the command that confirms it, and the version."""
    table = Table(
        headings=("What", "Value", "Confirmed by"),
        rows=tuple(_digests(report)),
        caption="Digests (SHA-256)",
    )
    blocks: list[Block] = [_FILES, table]
    if report.torn_tail_bytes:
        line = format_count(report.journal_lines + 1)
        why = report.torn_tail_reason or "is incomplete"
        size = count_of(report.torn_tail_bytes, "byte")
        blocks.append(f"Incomplete last record (ignored): line {line} of the journal {why}, {size}.")
    blocks.append(Commands(lines=(*_CHECKS, _SIGNED)))
    return Section(title="How to check this report", blocks=tuple(blocks))


def _digests(report: Report) -> Iterator[Row]:
    yield "Journal file", _bare(report.journal_sha256 or report.journal_digest), "sha256sum JOURNAL"
    if report.torn_tail_bytes:
        command = f"head -c {report.journal_bytes} JOURNAL | sha256sum"
        yield "Complete records of the journal", _bare(report.journal_digest), command
    if report.plan is not None and report.plan.file_sha256:
        yield "Plan file", _bare(report.plan.file_sha256), "sha256sum PLAN"
    yield "Approval digest (the plan without its last line)", _bare(report.plan_digest), "head -n -1 PLAN | sha256sum"
    yield "Lines of the journal", format_count(report.journal_lines), "wc -l JOURNAL"
    yield _VERSION, report.version, "posthog-bulk --version"


def signature_section() -> Section:
    """Return the lines that are signed by hand on a printed report."""
    headings = ("Role", "Name", "Date", "Signature")
    rows: tuple[Row, ...] = tuple((role, "", "", "") for role in ("Carried out by", "Checked by"))
    return Section(title="Signatures", blocks=(Table(headings=headings, rows=rows),), is_form=True)


def _bare(digest: str) -> str:
    return digest.removeprefix("sha256:")
