"""The section "Not covered" of a report: events, copies and input lines that a job does not reach. Pure."""

from collections.abc import Iterator

from bulk.formatting import count_of, format_duration
from bulk.operations import axes_of
from bulk.report.parts.input_report import coverage_in
from bulk.report.rendering.document import Bullets, Section
from bulk.report.report import Report
from bulk.states import Axis
from bulk.targets.reasons import REASON_MEANINGS, Reason

_ELSEWHERE = (
    "Copies outside PostHog: exports, data warehouses and their sources, backups, logs.",
    "Other projects, and other products that received the data.",
    "Emails that PostHog workflows sent, which PostHog keeps with their recipient and subject.",
)
_EVENTS = (
    "Events captured after PostHog queued the deletion. Such an event also creates the person again.",
    "Events dated in the future.",
    "Events without a person, such as those captured without a person profile.",
)
_EVENTS_KEPT = "Events: the operation deletes none, and they keep the values that they were captured with."
_RECORDINGS_KEPT = "Session recordings: the operation deletes none."


def not_covered_section(report: Report) -> Section:
    """Return what the job of a report does not cover, beginning with what its own records show."""
    return Section(title="Not covered", blocks=(Bullets(items=tuple(_items(report))),))


def _items(report: Report) -> Iterator[str]:
    coverage = coverage_in(report.input)
    if coverage is not None and coverage.not_covered:
        yield f"{coverage.words()}: see the input check."
    if report.largest_uncovered_s is not None:
        longest = format_duration(report.largest_uncovered_s)
        yield f"Events captured in the last {longest} before a person was deleted may remain."
    axes = axes_of(report.operation)
    if Axis.EVENTS in axes:
        yield from _EVENTS
    else:
        yield _EVENTS_KEPT
    if Axis.RECORDINGS in axes:
        yield from _recordings(report)
    else:
        yield _RECORDINGS_KEPT
    yield from _ELSEWHERE


def _recordings(report: Report) -> Iterator[str]:
    """Yield whose recordings are not proven to be deleted, by the reason."""
    states = {state.state: state.count for axis in report.axes if axis.axis == "recordings" for state in axis.states}
    if requested := states.get("requested", 0):
        yield f"The recordings of {count_of(requested, 'person')}: their deletion is requested, and not verified yet."
    if kept := states.get("still_there", 0):
        yield f"The recordings of {count_of(kept, 'person')}: PostHog still shows them."
    for failure in report.failures:
        if failure.state == "not_verifiable" and failure.reason != Reason.NO_RECORDINGS.value:
            why = next((meaning for reason, meaning in REASON_MEANINGS.items() if reason.value == failure.reason), "")
            persons = count_of(failure.count, "person")
            yield f"The recordings of {persons}: their deletion is requested, and cannot be verified: {why}."
