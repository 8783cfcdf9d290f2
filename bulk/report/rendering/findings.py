"""The findings of a plan's input check as rows and sentences, for reviews and reports. Pure.

Lines are named by their number, and persons by their number in the plan.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from bulk.formatting import count_of, format_count
from bulk.report.rendering.query_sentences import query_sentences
from bulk.report.rendering.recording_sentences import recording_sentences
from bulk.selection.conditions.protection_warnings import protection_warnings
from bulk.selection.input_findings import WIDER_MAX, WIDER_WORDS
from bulk.selection.inputs.causes import Cause
from bulk.selection.inputs.coverage import InputCoverage
from bulk.selection.inputs.line_checks import Reason
from bulk.selection.lookups.email_match import USUAL_KEYS

Row = tuple[str, ...]

_FINDING_TITLES = {
    "lines": "Lines read",
    "listed": "Persons listed",
    "unreadable_rows": "Rows of the listing that could not be read, by place",
    "unmatched": "Lines that matched no person",
    "unread": "Lines whose person could not be read",
    "duplicates": "Lines that repeat an earlier one",
    "aliases": "Lines that name a person already selected",
    "blank": "Blank lines, which were skipped",
    "overdue": "Lines of requests that were overdue when the plan was made",
}


def finding_rows(findings: dict[str, Any]) -> Iterable[Row]:
    """Yield a plan's findings as rows: the finding, its count, and the line numbers."""
    for kind, title in _FINDING_TITLES.items():
        if isinstance(one := findings.get(kind), dict) and (one.get("count") or kind in ("lines", "unmatched")):
            yield title, format_count(int(one.get("count", 0))), _which(one)
            yield from _causes(one)
            if isinstance(repeated := one.get("not_covered"), dict):
                yield (
                    "- repeat a line that is not covered",
                    format_count(int(repeated.get("count", 0))),
                    _which(repeated),
                )
        if kind == "unmatched":
            yield from _wider_match(findings.get("wider_match"))
    for one in _properties(findings):
        yield f"Persons that have {one['key']}", format_count(one["count"]), ""
    refused = findings.get("refused")
    if isinstance(refused, dict) and isinstance(reasons := refused.get("reasons"), dict):
        for reason, one in sorted(reasons.items()):
            yield f"Lines refused: {reason}", format_count(int(one.get("count", 0))), _which(one)
    yield from _protected(findings.get("protected"))
    yield from _revert(findings.get("revert"))
    many = findings.get("many_distinct_ids")
    if isinstance(many, dict) and many.get("count"):
        title = f"Persons with {many.get('threshold')} or more distinct IDs (may be several people)"
        yield title, format_count(int(many["count"])), ""
    if isinstance(several := findings.get("several_persons"), dict) and several.get("count"):
        yield "Lines that match several persons", format_count(int(several["count"])), ""


NUMBERS_MAX = 1_000
"""Characters of the numbers of one finding; `show --json` and the report in JSON have more."""

_REVERT_TITLES = {
    "changed": "Persons left as they are, because others changed them (numbers in the plan of the reverted job)",
    "as_before": "Persons that are already as before (numbers in the plan of the reverted job)",
    "gone": "Persons that were deleted or merged (numbers in the plan of the reverted job)",
    "unread": "Persons that could not be read (numbers in the plan of the reverted job)",
    "without_entry": "Persons of the job without an entry: it did not change them, or the file is cut off",
}


def _revert(revert: object) -> Iterator[Row]:
    """Yield the persons of a before-image, and those that a revert leaves as they are."""
    if isinstance(revert, dict):
        yield "Persons of the before-image", format_count(int(revert.get("count", 0))), ""
        for name, title in _REVERT_TITLES.items():
            if isinstance(one := revert.get(name), dict) and one.get("count"):
                yield title, format_count(int(one["count"])), _which(one, "targets")


def _wider_match(wider: object) -> Iterator[Row]:
    """Yield the lines without a person that a wider comparison would match, if there are any."""
    if isinstance(wider, dict) and wider.get("count"):
        title = WIDER_WORDS.get(str(wider.get("by")), "would match if compared more widely")
        yield f"- {title}", format_count(int(wider["count"])), _which(wider)


def _protected(protected: object) -> Iterator[Row]:
    """Yield the protected persons with the lines of the list that name them, and the lines of input and list."""
    if not isinstance(protected, dict):
        return
    lines = _which(protected)
    title = "Protected persons that were left out" + (", by line of the protection list" if lines else "")
    yield title, format_count(int(protected.get("count", 0))), lines
    for name, title in (
        ("input", "Lines whose person is protected"),
        ("unmatched", "Lines of the protection list that match no person"),
    ):
        if isinstance(one := protected.get(name), dict) and one.get("count"):
            yield title, format_count(int(one["count"])), _which(one)


def _causes(unmatched: dict[str, Any]) -> Iterator[Row]:
    """Yield the likely causes of lines without a person, unless no line has one."""
    causes = unmatched.get("causes")
    if not isinstance(causes, dict) or set(causes) <= {Cause.NONE.value}:
        return
    for cause in Cause:
        if isinstance(one := causes.get(cause.value), dict):
            words = "no obvious typing error" if cause is Cause.NONE else cause.value
            yield f"- {words}", format_count(int(one.get("count", 0))), _which(one)


def finding_sentences(findings: dict[str, Any]) -> Iterator[str]:
    """Yield what to do about findings, and the lines and persons that stand out."""
    if isinstance(rows := findings.get("unreadable_rows"), dict) and rows.get("count"):
        yield "The persons of rows that could not be read are not included; list again later, or select them by ID."
    for one in _properties(findings):
        if not one["count"]:
            closest = (
                f"; did you mean {one['closest']}?"
                if one.get("closest")
                else "; check how it is spelled, unless update is to add it."
            )
            yield f"Warning: no person of the plan has the property {one['key']}{closest}"
    yield from recording_sentences(findings)
    if isinstance(protected := findings.get("protected"), dict):
        yield from protection_warnings(protected)
    yield from _wider_sentences(findings.get("wider_match"))
    refused = findings.get("refused")
    reasons = refused.get("reasons") if isinstance(refused, dict) else None
    if isinstance(reasons, dict):
        for reason, sentence in _REASON_SENTENCES.items():
            if reason.value in reasons:
                yield sentence
    several = findings.get("several_persons")
    for one in several.get("shown", ()) if isinstance(several, dict) else ():
        targets = f": persons {one['targets']} of the plan" if one.get("targets") else ", which earlier lines select"
        yield f"Line {format_count(one['line'])} matches {count_of(one['persons'], 'person')}{targets}."
    many = findings.get("many_distinct_ids")
    for one in many.get("shown", ()) if isinstance(many, dict) else ():
        line = f", selected by line {format_count(one['line'])}," if "line" in one else ""
        more = " or more" if one.get("is_minimum") else ""
        yield f"Person {one['target']} of the plan{line} has {format_count(one['distinct_ids'])}{more} distinct IDs."
    if isinstance(many, dict) and (shown := many.get("shown")) and many["count"] > len(shown):
        left = count_of(many["count"] - len(shown), "more person")
        yield f"{left} of the plan with at least {format_count(many['threshold'])} distinct IDs."


def _properties(findings: dict[str, Any]) -> list[dict[str, Any]]:
    """Return for each property that the operation changes how many persons of the plan have it."""
    properties = findings.get("properties")
    return list(properties.get("of", ())) if isinstance(properties, dict) else []


def orphan_sentences(
    operation: dict[str, Any], selection: dict[str, Any], coverage: InputCoverage | None
) -> Iterator[str]:
    """Yield that events without a person may remain, if a deletion is for distinct IDs that matched no person.

    Arguments:
        operation: of the plan.
        selection: its summary or details.
        coverage: of the input; None where it is not known.
    """
    if operation.get("kind") not in ("delete", "delete-events") or selection.get("kind") != "distinct_ids":
        return
    if coverage is not None and coverage.unmatched:
        yield (
            "Distinct IDs that match no person may still have events that belong to no person; "
            "the job does not delete those."
        )


_REASON_SENTENCES = {
    Reason.TAB: "If the file with tabs is CSV, name its column with --column; "
    "an ID may contain a tab only in a CSV file.",
    Reason.NOT_AN_EMAIL: "If the lines that are not emails are distinct IDs, use --distinct-ids.",
    Reason.NOT_A_UUID: "If the lines that are not UUIDs are distinct IDs, use --distinct-ids.",
}


def _wider_sentences(wider: object) -> Iterator[str]:
    if not isinstance(wider, dict):
        return
    found, persons = int(wider.get("count", 0)), int(wider.get("persons", 0))
    least = "at least " if int(wider.get("checked", 0)) == WIDER_MAX else ""
    if found and wider.get("by") == "emails":
        yield (
            f"Not selected: {least}{_unmatched(found)} would match {least}{count_of(persons, 'person')} "
            "without whitespace and quotes, and with --email-match ignore-case --email-keys "
            f"'{','.join(USUAL_KEYS)}'; to select them, plan with these options, and correct whitespace and quotes in "
            "the file."
        )
    elif found:
        yield (
            f"Not selected: {least}{_unmatched(found)} would match {least}{count_of(persons, 'person')} "
            "without whitespace, quotes or invisible characters; to select them, correct the file."
        )
    if least:
        yield f"This was counted for the first {format_count(WIDER_MAX)} lines that match no person."


def _unmatched(count: int) -> str:
    return f"{count_of(count, 'line')} that {'matches' if count == 1 else 'match'} no person"


_DISCOVERED = {
    "query": "A query found the persons that have the properties",
    "listing": "The persons that have the properties were counted by listing the persons and checking each",
}


def discovery_sentences(findings: dict[str, Any]) -> Iterable[str]:
    """Yield how a query or a search for properties found the persons, and what that may miss; nothing if not needed."""
    yield from query_sentences(findings)
    one = findings.get("discovery")
    if not isinstance(one, dict) or one.get("by") not in _DISCOVERED:
        return
    sentence = _DISCOVERED[one["by"]]
    if why := one.get("why"):
        sentence += f" ({why})"
    if without := one.get("without"):
        sentence += f"; {_persons(without, 'without them', 'was', 'were')} left out"
    if gone := one.get("gone"):
        sentence += f"; {_persons(gone, 'in the result of the query', 'does', 'do')} not exist any more"
    if unread := one.get("unread"):
        where = "in the result of the query" if one["by"] == "query" else "in the listing"
        sentence += f"; {_persons(unread, where, 'is', 'are')} unread and not in the plan"
    yield f"{sentence}."
    if may_miss := one.get("may_miss"):
        yield f"Not covered: {may_miss}."


def _persons(count: object, which: str, one: str, many: str) -> str:
    number = int(str(count))
    return f"{count_of(number, 'person')} {which} {one if number == 1 else many}"


def _which(finding: dict[str, Any], name: str = "lines") -> str:
    """Return the numbers of a finding, the first of them where there are many."""
    numbers = str(finding.get(name, ""))
    if len(numbers) > NUMBERS_MAX:
        return f"{numbers[:NUMBERS_MAX].rpartition(',')[0]},..."
    return numbers + (",..." if finding.get("cut") else "")
