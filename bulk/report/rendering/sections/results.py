"""What became of the persons: their states, and the reasons of those that are not done. Pure."""

from collections.abc import Iterator

from bulk.formatting import format_count
from bulk.report.rendering.document import AXIS_TITLES, Block, Bullets, Section, Table
from bulk.report.rendering.sections.counts import is_not_requested
from bulk.report.report import Report
from bulk.targets.reasons import REASON_MEANINGS

_EXIT_WORDS = {0: " (done)", 1: " (some persons need attention)", 75: " (not finished)"}


def results_section(report: Report) -> Section:
    """Return the states of all persons, and the reasons beside them."""
    blocks: list[Block] = [
        Table(
            headings=("State", "Persons", "Meaning", "Numbers"),
            rows=tuple(
                (state.state, format_count(state.count), state.meaning, state.targets or "") for state in axis.states
            ),
            numeric=frozenset({1}),
            caption=AXIS_TITLES.get(axis.axis, axis.axis),
        )
        for axis in report.axes
        if not is_not_requested(axis)
    ]
    code = f"Exit code of the run: {report.run_exit_code}{_EXIT_WORDS.get(report.run_exit_code, '')}."
    runs = [report.run_verdict] if report.run_verdict else []
    return Section(title="Results", blocks=(*runs, code, *blocks, *_reasons(report)))


def _reasons(report: Report) -> Iterator[Block]:
    if not report.failures:
        return
    present = {failure.reason.partition(":")[0] for failure in report.failures}
    meanings = [f"{reason.value}: {meaning}." for reason, meaning in REASON_MEANINGS.items() if reason.value in present]
    if meanings:
        yield Bullets(items=tuple(meanings))
    yield Table(
        headings=("Of", "State", "Reason", "Persons", "Numbers"),
        rows=tuple(
            (
                AXIS_TITLES.get(failure.axis, failure.axis),
                failure.state,
                failure.reason,
                format_count(failure.count),
                failure.targets,
            )
            for failure in report.failures
        ),
        numeric=frozenset({3}),
        caption="Reasons",
    )
