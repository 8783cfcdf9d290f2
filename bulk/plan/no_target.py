"""Explains why a plan would have no target: no person matches, every one is protected, or none could be read. Pure."""

from bulk.errors import NotFinished, Refused
from bulk.formatting import count_of
from bulk.posthog.halving import because_of
from bulk.selection.input_findings import WIDER_WORDS, Findings, LineNumbers
from bulk.selection.inputs.causes import Cause
from bulk.selection.inputs.line_checks import Reason

REASONS_SHOWN = 5
"""Reasons that a message names."""
NUMBERS_SHOWN = 60
"""Characters of line numbers in a message."""


def no_target_error(findings: Findings) -> Refused | NotFinished:
    """Return the exception with which planning ends if there is no target.

    Arguments:
        findings: of the whole selection.
    """
    if unread := findings.unreadable:
        were = f"{count_of(unread, 'selected person')} could not be read{because_of(findings.read_error)}"
        return NotFinished(f"{were}, and no other person matches the selection", purpose="plan")
    refused = Refused(*_why_no_target(findings))
    if findings.discovery and findings.properties is not None:
        for key, closest in findings.properties.suggestions().items():
            if closest is not None:  # in a note, which the log does not have (guarantee 27)
                refused.add_note(f"Did you mean {closest} instead of {key}?")
    return refused


_CORRECT = "correct the input"
_ROW_FIXES = {
    Reason.NOT_OF_ITS_TYPE: "correct the values, or the types in --types",
    Reason.NOT_A_UUID: "for distinct IDs, use --id-column distinct_id:COLUMN",
    Reason.NOT_AN_EMAIL: "for distinct IDs, use --id-column distinct_id:COLUMN",
    Reason.NOT_UTF8: "save the file as UTF-8",
}
_REFUSED_FIXES = {
    Reason.NOT_A_UUID: "for distinct IDs, use --distinct-ids",
    Reason.NOT_AN_EMAIL: "for distinct IDs, use --distinct-ids",
    Reason.TAB: "if the file is CSV, name its column with --column",
    Reason.NOT_UTF8: "save the file as UTF-8",
}


def _why_no_target(findings: Findings) -> tuple[str, str]:
    """Return the problem and its fix."""
    if findings.protected.get("count"):
        return "every selected person is protected", "select other persons, or correct the protection list"
    if findings.discovery:
        return (
            "no selected person has any of the properties",
            "check the keys, and whether PostHog hides them from the user of your key: if not, there is nothing to do",
        )
    if not findings.lines:
        return "no person matches the selection", "check the filters and the project"
    refused, lines = findings.refused_lines, findings.lines - len(findings.blank)
    if not lines:
        return "the input has only blank lines", _CORRECT
    if refused == lines:
        return _none_usable(findings)
    problem = f"no person matches {'the only input line' if lines == 1 else f'any of the {lines:,} input lines'}"
    causes = [f"{_lines(lines)}: {cause.value}" for cause, lines in findings.causes.items() if cause is not Cause.NONE]
    if findings.wider and findings.wider_by is not None:
        causes.append(f"{_lines(findings.wider)} {WIDER_WORDS[findings.wider_by]}")
    if causes:
        problem += f" ({'; '.join(causes)})"
    if refused:
        problem += f"; {refused:,} of them cannot be used"
    return problem, "check the input and the project"


def _none_usable(findings: Findings) -> tuple[str, str]:
    """Return why no line can be used, and the fix."""
    reasons = [f"{_lines(lines)}: {words}" for (_, words), lines in findings.refused.items()]
    shown = "; ".join(reasons[:REASONS_SHOWN])
    more = f"; and {len(reasons) - REASONS_SHOWN:,} more reasons" if len(reasons) > REASONS_SHOWN else ""
    # a reason that names a column is that of a row of values
    fixes = {
        (_ROW_FIXES if words != reason.value else _REFUSED_FIXES).get(reason, _CORRECT)
        for reason, words in findings.refused
    }
    fix = fixes.pop() if len(fixes) == 1 else _CORRECT
    count = findings.refused_lines
    problem = "the only input line cannot be used" if count == 1 else f"none of the {count:,} input lines can be used"
    return f"{problem} ({shown}{more})", fix


def _lines(lines: LineNumbers) -> str:
    """Return lines as in "lines 1-2,7", with the first numbers if there are many."""
    numbers = str(lines.to_finding()["lines"])
    shown = numbers if len(numbers) <= NUMBERS_SHOWN else f"{numbers[:NUMBERS_SHOWN].rpartition(',')[0]},..."
    return f"{'line' if len(lines) == 1 else 'lines'} {shown}"
