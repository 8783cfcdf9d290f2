"""The receipt of one request, and the answers to whether persons were erased: from receipts and journal alone. Pure.

It needs no plan, and has no identifiers: persons are named by their number in the plan, and IDs by their place in the
request.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import msgspec

from bulk.formatting import count_of, format_time
from bulk.journal.replay import JournalFacts
from bulk.journal.target_states import TargetStates
from bulk.report.duty import EXIT_CODES, DutyState
from bulk.report.duty_decision import OpenTargets, open_targets_of
from bulk.report.parts.activity import iso_or_none
from bulk.report.parts.lateness import DONE, days_late, entry_days, late_of_lines, late_suffix
from bulk.report.requests import record_of
from bulk.report.target_history import TargetHistory
from bulk.requests.job_record import JobRecord
from bulk.requests.look_ups import LookUp
from bulk.requests.receipt_lines import LineEntry
from bulk.states import Axis, Events
from bulk.version import VERSION

RECEIPT_FORMAT = 1

Result = Literal[
    "done", "waiting", "not_finished", "needs_attention", "no_person", "not_found", "not_covered", "not_in_job"
]
_WORDS: dict[Result, str] = {
    "done": "done",
    "waiting": "waiting for PostHog or for a verification",
    "not_finished": "not finished",
    "needs_attention": "needs attention",
    "no_person": "PostHog held no person for this {}, checked at {}",
    "not_found": "no person had this ID when the job was planned",
    "not_covered": "not covered",
    "not_in_job": "not found by this ID",
}
_ASK_OTHERWISE = "The job knows its persons by their UUIDs and by the IDs in its input: ask with one of those."
_OUTCOME_WORDS = {
    "protected": "not covered, because its person is protected",
    "unread": "not covered, because its person could not be read when the job was planned",
}
_NOT_PURGED = "done, except that PostHog has not purged the events yet"
_WORST_FIRST: tuple[Result, ...] = ("needs_attention", "not_finished", "waiting", "done")


class PersonResult(msgspec.Struct, frozen=True, kw_only=True):
    """What a job did to one person.

    Arguments:
        target: its number in the plan.
        result: `done`, `waiting` (for PostHog or a verification), `not_finished` or `needs_attention`; the causes and
            the waits are those of the job's duty.
        states: by axis, of the axes that the job is about.
        requested_at: when the first request for it left, ISO 8601; None if none did.
        done_at: when reading back first showed it; None if it did not.
        purged_at: when reading back first showed that its events are purged; None if it did not.
    """

    target: int
    result: Result
    states: dict[str, str]
    requested_at: str | None
    done_at: str | None
    purged_at: str | None


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What a job did about one ID, or about one line of a request.

    Arguments:
        number: the place of the ID among those that were asked for, or the number of the line, from 1; 0 for all
            persons of a job that answers one request as a whole.
        result: that of its persons, the worst first; `no_person` if it has none and a user confirmed that; or
            `not_found`, `not_covered`, `not_in_job`.
        sentence: the result in words, with times.
        lines: the numbers of the input lines that have the ID.
        outcome: what became of the line, or of all persons of a job; None for an ID.
        reason: why the line is refused.
        received: the day on which the request was received, ISO 8601.
        due: the day on which it is due, ISO 8601.
        days_late: by how many days it was done late, or is overdue as of the journal's last record; 0 if in time.
        persons: its persons.
    """

    number: int
    result: Result
    sentence: str
    lines: tuple[int, ...] = ()
    outcome: str | None = None
    reason: str | None = None
    received: str | None = None
    due: str | None = None
    days_late: int = 0
    persons: tuple[PersonResult, ...] = ()


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """What a job did about one request, or about some IDs.

    Arguments:
        format: `RECEIPT_FORMAT`.
        version: of this program.
        reference: of the request; None for IDs.
        verdict: one sentence about all answers.
        answers: one per line of the request, or per ID.
        job: the random name of the job.
        host: the origin of the server.
        project_id: the project.
        operation: with its parameters, without values.
        record: who ordered the job and why.
        planned_at, approved_at, last_entry_at: ISO 8601; the answers are as of the last one.
        plan_digest: the plan's, which the journal records.
        journal_digest: SHA-256 of the journal's complete lines.
        receipts_digest: SHA-256 of the entries of the receipts.
        shredded_at: when the plan was destroyed.
    """

    format: int
    version: str
    reference: str | None
    verdict: str
    answers: tuple[Answer, ...]
    job: str
    host: str
    project_id: int
    operation: dict[str, Any]
    record: JobRecord | None
    planned_at: str
    approved_at: str | None
    last_entry_at: str
    plan_digest: str
    journal_digest: str
    receipts_digest: str
    shredded_at: str | None

    @property
    def exit_code(self) -> int:
        """That of `report`: 1 if an answer needs attention, 75 if one waits, otherwise 0.

        As for the whole job, a line of a request that matched no person needs attention: its ID may be wrong.
        """
        results = {answer.result for answer in self.answers}
        if self.reference is not None and (not results or "not_found" in results):
            return EXIT_CODES[DutyState.NEEDS_ATTENTION]
        if results & {"needs_attention", "not_finished", "not_covered"}:
            return EXIT_CODES[DutyState.NEEDS_ATTENTION]
        return EXIT_CODES[DutyState.WAITING if "waiting" in results else DutyState.COMPLETE]


def answer_ids(
    count: int, found: Mapping[int, LookUp], target_states: TargetStates, history: TargetHistory
) -> tuple[Answer, ...]:
    """Return the answers about IDs.

    Arguments:
        count: how many IDs were asked for.
        found: what the receipts tell, by the place of the ID, from 0.
        target_states: of the job.
        history: of all targets that were found.
    """
    answers, open_targets = list[Answer](), open_targets_of(target_states)
    for number in range(count):
        look_up = found.get(number)
        if look_up is None:
            answers.append(Answer(number=number + 1, result="not_in_job", sentence=_sentence("not_in_job", ())))
            continue
        persons = tuple(_person(each, target_states, open_targets, history) for each in look_up.targets)
        result = _result(persons, [line.outcome for line in look_up.lines], target_states)
        answers.append(
            Answer(
                number=number + 1,
                result=result,
                sentence=_sentence(result, persons, look_up.lines, _checked(target_states, "ID")),
                lines=tuple(sorted(line.line for line in look_up.lines)),
                persons=persons,
            )
        )
    return tuple(answers)


def answer_request(lines: Sequence[LookUp], target_states: TargetStates, history: TargetHistory) -> tuple[Answer, ...]:
    """Return the answers about the lines of a request.

    Arguments:
        lines: each with its entry alone and all its targets; without an entry, the targets of the whole job.
        target_states: of the job.
        history: of all these targets.
    """
    answers, open_targets = list[Answer](), open_targets_of(target_states)
    checked = _checked(target_states, "request" if len(lines) == 1 else "line of the request")
    for look_up in lines:
        entry = look_up.lines[0] if look_up.lines else None
        persons = tuple(_person(each, target_states, open_targets, history) for each in look_up.targets)
        result = _result(persons, [line.outcome for line in look_up.lines], target_states)
        received, due = entry_days(entry, target_states)
        days = days_late(
            due, target_states, result in DONE, [at for one in persons for at in (one.done_at, one.purged_at)]
        )
        answers.append(
            Answer(
                number=entry.line if entry else 0,
                result=result,
                sentence=_sentence(result, persons, look_up.lines, checked) + late_suffix(days, result),
                lines=(entry.line,) if entry else (),
                outcome=entry.outcome if entry else "selected",
                reason=entry.reason if entry else None,
                received=received,
                due=due,
                days_late=days,
                persons=persons,
            )
        )
    return tuple(answers)


def build_receipt(
    answers: tuple[Answer, ...],
    target_states: TargetStates,
    facts: JournalFacts,
    *,
    reference: str | None,
    receipts_digest: str,
) -> Receipt:
    """Return the receipt of a request, or of IDs if `reference` is None."""
    job, approved = target_states.job, target_states.approved
    if job is None:
        raise ValueError("the journal is empty")
    shredded = target_states.plan_shredded
    return Receipt(
        format=RECEIPT_FORMAT,
        version=VERSION,
        reference=reference,
        verdict=_verdict(answers, reference, job.planned_at),
        answers=answers,
        job=job.job,
        host=job.host,
        project_id=job.project,
        operation=job.operation,
        record=record_of(target_states),
        planned_at=job.planned_at,
        approved_at=iso_or_none(approved.at if approved else None),
        last_entry_at=iso_or_none(target_states.run_stats.last_at) or "",
        plan_digest=job.plan_digest,
        journal_digest=facts.digest,
        receipts_digest=receipts_digest,
        shredded_at=iso_or_none(shredded.at if shredded else None),
    )


def _person(
    target: int, target_states: TargetStates, open_targets: OpenTargets, history: TargetHistory
) -> PersonResult:
    states = {axis: target_states.state(axis, target) for axis in Axis}
    times = history.times(target)
    return PersonResult(
        target=target,
        result=_result_of(target, open_targets),
        states={axis.value: name for axis, state in states.items() if (name := state.name.lower()) != "not_requested"},
        requested_at=iso_or_none(times.requested_at),
        done_at=iso_or_none(times.done_at),
        purged_at=iso_or_none(times.purged_at),
    )


def _result_of(target: int, open_targets: OpenTargets) -> Result:
    if open_targets.attention[target]:
        return "needs_attention"
    if open_targets.unfinished[target]:
        return "not_finished"
    return "waiting" if open_targets.waiting[target] else "done"


def _result(persons: Sequence[PersonResult], outcomes: Sequence[str], target_states: TargetStates) -> Result:
    for result in _WORST_FIRST:
        if any(person.result == result for person in persons):
            return result
    if "unmatched" not in outcomes:
        return "not_covered"
    coverage = target_states.input_coverage
    return "no_person" if coverage is not None and coverage.unmatched_expected else "not_found"


def _checked(target_states: TargetStates, noun: str) -> str:
    """Return that PostHog held no person, and when that was checked."""
    return _no_person(noun, target_states.job.planned_at if target_states.job else None)


def _no_person(noun: str, planned_at: str | None) -> str:
    return _WORDS["no_person"].format(noun, format_time(planned_at, seconds=True))


def _sentence(
    result: Result, persons: Sequence[PersonResult], lines: Sequence[LineEntry] = (), checked: str = ""
) -> str:
    words = checked if result == "no_person" else _WORDS[result]
    if result == "not_covered":
        for line in lines:
            reason = f"not covered, because the line was refused: {line.reason}" if line.reason else words
            words = _OUTCOME_WORDS.get(line.outcome, reason)
    if len(persons) != 1:
        return f"{count_of(len(persons), 'person')}: {words}" if persons else words
    person, words = persons[0], result_words(result, persons)
    if person.done_at is not None:
        words += f"; read back at {format_time(person.done_at, seconds=True)}"
    if person.purged_at is not None:
        words += f", events purged by {format_time(person.purged_at, seconds=True)}"
    return f"person {person.target}: {words}"


def result_words(result: Result, persons: Sequence[PersonResult]) -> str:
    """Return the result of persons in words, without times."""
    queued = Events.QUEUED.name.lower()
    if result == "waiting" and [person.states.get(Axis.EVENTS.value) for person in persons] == [queued]:
        return _NOT_PURGED
    return _WORDS[result]


def _verdict(answers: Sequence[Answer], reference: str | None, planned_at: str) -> str:
    if reference is not None and not answers:
        return "This job has no request with this reference."
    counts = {result: sum(answer.result == result for answer in answers) for result in _WORDS}
    noun = "ID" if reference is None else "line"
    if len(answers) == counts["not_in_job"]:
        return _ASK_OTHERWISE
    if len(answers) == 1 or answers[0].number == 0:
        sentence = answers[0].sentence
        rest = f" {_verdict(answers[1:], reference, planned_at)}" if answers[1:] else ""
        return f"{sentence[0].upper()}{sentence[1:]}.{rest}"
    late = late_of_lines([(answer.days_late, answer.result) for answer in answers])
    if reference is not None and counts["no_person"] == len(answers):
        return f"{_no_person('request', planned_at)} ({count_of(len(answers), 'line')}){late}."
    words = {**_WORDS, "no_person": _no_person(noun, planned_at)}
    parts = [f"{words[result]} ({count:,})" for result, count in counts.items() if count]
    return f"{count_of(len(answers), noun)}: {'; '.join(parts)}{late}."
