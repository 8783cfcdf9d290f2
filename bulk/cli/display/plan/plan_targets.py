"""The persons of a plan as text: those with some numbers, or of an input line. Reads the plan file; sends nothing."""

from collections.abc import Mapping, Sequence

from bulk.cli.display.plan.own_values import own_value_rows, own_values_cell
from bulk.cli.display.plan.plan_review import aligned_rows
from bulk.formatting import count_of, format_count, format_time
from bulk.plan.plan_file import Target
from bulk.property_checks import DesiredProperties
from bulk.report.rendering.document import Table
from bulk.report.rendering.text import table_lines
from bulk.sanitize import plain
from bulk.selection.inputs.causes import Cause
from bulk.selection.inputs.line_outcome import LineOutcome, Outcome

CELL_MAX = 4_000
"""Characters of a distinct ID: more than the longest that the server stores."""

Changes = Mapping[int, DesiredProperties]
"""The values of persons by their number."""

_OUTCOMES: dict[Outcome, str] = {
    "unmatched": "matched no person",
    "unread": "names a person that could not be read; the plan does not contain it",
    "protected": "names a protected person, which no plan may contain",
    "refused": "is refused",
    "repeated": "repeats an earlier line",
    "already_selected": "names only persons that earlier lines select",
    "blank": "is blank and was skipped",
}

_NO_CAUSE = ". It has no obvious typing error: PostHog has no such person, or has it under another ID"


def person_text(target: Target, changes: Changes) -> str:
    """Return one person as headings and texts.

    Arguments:
        target: the person.
        changes: the values that it gets, by number; empty where all persons get the same.
    """
    rows = [
        ("Number", str(target.number)),
        ("UUID", str(target.uuid)),
        ("Created", format_time(target.created_at, seconds=True)),
        ("Distinct ID", plain(target.distinct_id or "", limit=None)),
    ]
    if target.line is not None:
        rows.append(("Input line", format_count(target.line)))
    if target.number in changes:
        rows += own_value_rows(changes[target.number])
    return "\n".join(aligned_rows(rows))


def persons_text(targets: Sequence[Target], changes: Changes, *, width: int) -> str:
    """Return several persons as a table.

    Arguments:
        targets: the persons.
        changes: the values that each gets, by number; empty where all persons get the same.
        width: the columns that the table may take.
    """
    have_lines = any(target.line is not None for target in targets)
    table = Table(
        headings=("No.", "UUID", "Created", "Distinct ID", *["Line"] * have_lines, *["Values"] * bool(changes)),
        rows=tuple(
            (
                str(target.number),
                str(target.uuid),
                format_time(target.created_at),
                target.distinct_id or "",
                *["" if target.line is None else str(target.line)] * have_lines,
                *([own_values_cell(changes[target.number])] if changes else []),
            )
            for target in targets
        ),
        numeric=frozenset({0, 4} if have_lines else {0}),
    )
    return "\n".join(table_lines(table, cell_max=CELL_MAX, width=width))


def line_text(number: int, outcome: LineOutcome, targets: Sequence[Target], changes: Changes, *, width: int) -> str:
    """Return what became of an input line, with the persons that it selected.

    Arguments:
        number: of the line.
        outcome: of the line.
        targets: the persons that it selected.
        changes: the values that each gets, by number; empty where all persons get the same.
        width: the columns that a table may take.
    """
    line = f"Line {format_count(number)}"
    if not targets:
        reason = f": {outcome.reason}" if outcome.reason not in (None, Cause.NONE.value) else ""
        if outcome.outcome == "unmatched" and not reason:
            reason = _NO_CAUSE
        what = _OUTCOMES[outcome.outcome]
        if outcome.repeats is not None:
            earlier = f"line {format_count(outcome.repeats)}"
            is_repeated = outcome.outcome == "repeated"
            what = f"repeats {earlier}" if is_repeated else f"names a person that {earlier} selects"
        return plain(f"{line} {what}{reason}.", limit=None)
    if len(targets) == 1:
        return f"{line} selected person {targets[0].number} of the plan:\n\n{person_text(targets[0], changes)}"
    several = persons_text(targets, changes, width=width)
    return f"{line} selected {count_of(len(targets), 'person')} of the plan:\n\n{several}"
