"""Whether the duty of a report follows from the states of its targets, judged without the engine's own rules."""

from collections.abc import Iterable

from bulk import Report

EXIT_CODES = {"complete": 0, "waiting": 75, "needs_attention": 1}

LOST = frozenset(
    {
        *(("person", state) for state in ("merged", "recreated", "contradicted", "failed", "deleted_unexpectedly")),
        *(("events", state) for state in ("too_late", "skipped", "failed", "unverifiable")),
        *(("recordings", state) for state in ("too_late", "skipped", "failed", "still_there")),
        *(("properties", state) for state in ("too_late", "skipped", "contradicted", "failed")),
    }
)
"""States that somebody has to look at."""

TO_RUN = frozenset(
    {
        *((axis, state) for axis in ("person", "events", "properties") for state in ("to_retry",)),
        *((axis, "not_started") for axis in ("person", "events", "recordings", "properties")),
        *((axis, "unknown") for axis in ("person", "events", "recordings", "properties")),
        ("events", "accepted"),
    }
)
"""States for which a run still has something to do."""

WAITING = frozenset(
    {
        *((axis, "held_back") for axis in ("person", "events")),
        *((axis, "accepted") for axis in ("person", "properties")),
        ("events", "queued"),
        ("recordings", "requested"),
    }
)
"""States that wait for the server, which may take too long."""


def judge_duty(report: Report) -> Iterable[str]:
    """Whether a job is called complete, waiting or in need of attention as its targets have it."""
    duty = report.duty
    found = {(axis.axis, each.state) for axis in report.axes for each in axis.states if each.count}
    if duty.exit_code != EXIT_CODES[duty.state]:
        yield f"the duty is {duty.state}, with exit code {duty.exit_code}"
    if duty.state == "complete" and found & (LOST | TO_RUN | WAITING):
        yield f"the job is called complete with {sorted(found & (LOST | TO_RUN | WAITING))}"
    if duty.state != "needs_attention" and found & LOST:
        yield f"nobody is told of {sorted(found & LOST)}"
    if duty.state != "needs_attention" and found & TO_RUN and not any(state == "held_back" for _, state in found):
        yield f"nobody is told that a run has something to do: {sorted(found & TO_RUN)}"
    if (duty.state == "needs_attention") != bool(duty.causes):
        yield f"the duty is {duty.state}, and its causes are {duty.causes}"
    if (duty.state == "waiting" and not duty.waiting_for) or (duty.waiting_for and not duty.verify_from):
        yield f"the duty is {duty.state}, for {duty.waiting_for}, until {duty.verify_from}"
