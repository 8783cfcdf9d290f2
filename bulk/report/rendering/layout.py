"""Lays out a report as a document: the order of its sections in every format. Pure."""

from bulk.formatting import format_time
from bulk.report.duty import DutyState
from bulk.report.rendering.document import Document, Section
from bulk.report.rendering.sections.counts import counts_section
from bulk.report.rendering.sections.input_check import input_section
from bulk.report.rendering.sections.job import due_section, operation_section, record_section
from bulk.report.rendering.sections.not_covered import not_covered_section
from bulk.report.rendering.sections.proof import proof_section, signature_section
from bulk.report.rendering.sections.results import results_section
from bulk.report.rendering.sections.server import retries_section, server_section
from bulk.report.rendering.sections.timeline import timeline_section
from bulk.report.report import Report

STATE_TITLES = {
    DutyState.COMPLETE.value: "Complete",
    DutyState.WAITING.value: "Waiting",
    DutyState.NEEDS_ATTENTION.value: "Needs attention",
}


def lay_out(report: Report) -> Document:
    """Return a report as a document."""
    duty = report.duty
    sections: tuple[Section | None, ...] = (
        record_section(report),
        operation_section(report),
        due_section(report),
        counts_section(report),
        timeline_section(report),
        results_section(report),
        retries_section(report),
        server_section(report),
        not_covered_section(report),
        input_section(report),
        proof_section(report),
        signature_section(),
    )
    return Document(
        title=f"Report of job {report.job}",
        state=duty.state,
        state_title=STATE_TITLES.get(duty.state, duty.state),
        verdict=duty.sentence,
        notes=_notes(report),
        sections=tuple(section for section in sections if section is not None),
    )


def _notes(report: Report) -> tuple[str, ...]:
    """Return what to do about each cause, and what the job waits for until when."""
    duty = report.duty
    notes = [f"{_sentence(cause.what)} {cause.action}" for cause in duty.causes]
    notes += [f"Waiting for {what}." for what in duty.waiting_for]
    if duty.expected_at is not None:
        notes.append(f"Expected: {format_time(duty.expected_at)}.")
    if duty.verify_from is not None:
        notes.append(f"Verify from {format_time(duty.verify_from)}: posthog-bulk verify JOURNAL")
    return tuple(notes)


def _sentence(clause: str) -> str:
    return f"{clause[:1].upper()}{clause[1:].removesuffix('.')}."
