"""How a reader checks a report: the digests of its files with the commands that confirm them, and who signs. Pure."""

from collections.abc import Iterator

from bulk.formatting import count_of, format_count
from bulk.report.rendering.document import Block, Commands, Row, Section, Table
from bulk.report.report import Report

_FILES = (
    "JOURNAL and PLAN stand for the files of this job. The same version makes the same report from them, byte for byte."
)
_ONLY_JOURNAL = (
    "JOURNAL stands for the journal of this job. The same version makes the same report from it, byte for byte. The "
    "plan was destroyed; its digest is that of the approval."
)
_APPROVED = "head -n -1 PLAN | sha256sum"
_VERIFY = "posthog-bulk verify JOURNAL"
_CHECKS = (
    ("The same report again, to be compared with this one", "posthog-bulk report JOURNAL -o AGAIN.html"),
    ("The state in PostHog now", _VERIFY),
    ("The signature of this report, if it has one", "posthog-bulk verify-signature FILE --key PUBLIC.pem"),
)


def torn_tail_sentence(report: Report) -> str:
    """Return which line of the journal is ignored because it is incomplete or changed, and why."""
    line = format_count(report.journal_lines + 1)
    why = report.torn_tail_reason or "is incomplete"
    size = count_of(report.torn_tail_bytes, "byte")
    return f"Incomplete last record (ignored): line {line} of the journal {why}, {size}."


def proof_section(report: Report) -> Section:
    """Return the digests of journal and plan, the commands that confirm them, and the version."""
    digests = tuple(_digests(report))
    rows: list[Row] = [(what, value) for what, value, _ in digests]
    rows += [("Lines of the journal", format_count(report.journal_lines)), ("Version of posthog-bulk", report.version)]
    has_plan = report.shredded_at is None
    blocks: list[Block] = [
        _FILES if has_plan else _ONLY_JOURNAL,
        Table(headings=(), rows=tuple(rows), caption="Digests and version"),
    ]
    if report.torn_tail_bytes:
        blocks.append(torn_tail_sentence(report))
    commands = (*((what, command) for what, _, command in digests), *_CHECKS)
    blocks.append(Commands(lines=tuple(one for one in commands if has_plan or one[1] not in (_APPROVED, _VERIFY))))
    return Section(title="How to check this report", blocks=tuple(blocks))


def _digests(report: Report) -> Iterator[tuple[str, str, str]]:
    """Yield what a digest is of, the digest, and the command that confirms it."""
    yield "SHA-256 of the journal", _bare(report.journal_sha256 or report.journal_digest), "sha256sum JOURNAL"
    if report.torn_tail_bytes:
        command = f"head -c {report.journal_bytes} JOURNAL | sha256sum"
        yield "SHA-256 of its complete records", _bare(report.journal_digest), command
    if report.plan is not None and report.plan.file_sha256:
        yield "SHA-256 of the plan", _bare(report.plan.file_sha256), "sha256sum PLAN"
    yield "Approval digest (SHA-256 of the plan without its last line)", _bare(report.plan_digest), _APPROVED


def signature_section() -> Section:
    """Return the lines that are signed by hand on a printed report."""
    headings = ("Role", "Name", "Date", "Signature")
    rows: tuple[Row, ...] = tuple((role, "", "", "") for role in ("Carried out by", "Checked by"))
    return Section(title="Signatures", blocks=(Table(headings=headings, rows=rows),), is_form=True)


def _bare(digest: str) -> str:
    return digest.removeprefix("sha256:")
