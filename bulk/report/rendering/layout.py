"""Lays out a report as a document: the order of its sections in every format. Pure."""

from bulk.formatting import count_of, format_time
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

TARGETS_MAX = 60
"""Characters of the numbers of persons beside a cause; the results have all of them."""
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
        verdict=_without_state(duty.sentence, STATE_TITLES.get(duty.state, duty.state)),
        notes=_notes(report),
        sections=tuple(section for section in sections if section is not None),
    )


def _without_state(sentence: str, title: str) -> str:
    """Return a sentence without the state that it begins with, because the state stands above it."""
    rest = sentence.removeprefix(f"{title}: ")
    return f"{rest[:1].upper()}{rest[1:]}"


def _notes(report: Report) -> tuple[str, ...]:
    """Return what to do about each cause, and from when to verify."""
    duty = report.duty
    notes = [f"{_of(cause.count, cause.targets)}{cause.what}. {cause.action}" for cause in duty.causes]
    if duty.verify_from is not None:
        notes.append(f"Verify from {format_time(duty.verify_from)}: posthog-bulk verify JOURNAL")
    return tuple(notes)


def _of(count: int, targets: str | None) -> str:
    """Return the persons that a cause is about, which it names by number; nothing where it is about the input."""
    return "" if targets is None else f"{count_of(count, 'person')} (number{'s' * (count > 1)} {_shown(targets)}): "


def _shown(targets: str) -> str:
    return targets if len(targets) <= TARGETS_MAX else f"{targets[: targets.rfind(',', 0, TARGETS_MAX)]},..."
