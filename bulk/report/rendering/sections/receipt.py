"""The content of the receipt of a request, and of the answers about IDs, as a document. Pure."""

from collections.abc import Iterator

from bulk.formatting import format_time
from bulk.number_ranges import format_ranges
from bulk.operations import describe as operation_words
from bulk.report.duty import EXIT_CODES, DutyState
from bulk.report.parts.lateness import DONE
from bulk.report.receipt import Receipt
from bulk.report.rendering.document import AXIS_TITLES, Document, Row, Section, Table
from bulk.report.rendering.sections.receipt_rows import GROUPED, SINGLE_MAX, id_rows, line_rows, person_rows
from bulk.report.rendering.sections.request_rows import record_rows
from bulk.states import Axis

_LIMITS = (
    '"Not found by this ID" does not rule a person out: the receipts hold the UUID of every '
    "person, but only the distinct IDs and emails that selected them."
)
_ORDER = "IDs are numbered from 1, in the order in which they were given."
_STATE_TITLES = {
    DutyState.COMPLETE: "Complete",
    DutyState.WAITING: "Waiting",
    DutyState.NEEDS_ATTENTION: "Needs attention",
}
_NUMBERS = "Persons are numbered from 0, in the order of the plan; lines from 1, in the order of the input."


def lay_out_receipt(receipt: Receipt) -> Document:
    """Return the receipt of a request, or the answers about IDs, as a document."""
    is_request = receipt.reference is not None
    title = f"Receipt of request {receipt.reference}" if is_request else f"Persons of job {receipt.job}"
    sections = [*(_answers(receipt) if receipt.answers else ()), *_persons(receipt), _proof(receipt)]
    state = next(state for state, code in EXIT_CODES.items() if code == receipt.exit_code)
    return Document(
        title=title,
        state=state.value,
        state_title=_title(receipt, state),
        verdict=receipt.verdict,
        notes=(*_to_do(receipt),),
        sections=tuple(sections),
    )


def _to_do(receipt: Receipt) -> Iterator[str]:
    """Yield what to do about persons that need attention, and about lines of a request without a person of the job."""
    if any(person.result == "needs_attention" for answer in receipt.answers for person in answer.persons):
        if receipt.shredded_at is None:
            yield "What to do about persons that need attention: posthog-bulk status JOURNAL"
        else:
            yield "The plan was destroyed, so nothing more can be read back: check by hand in PostHog what is not done."
    if receipt.reference is None:
        return
    missing = [answer.number for answer in receipt.answers if answer.result == "not_found"]
    left_out = [answer.number for answer in receipt.answers if answer.result == "not_covered"]
    if missing:
        yield (
            f"{_which(missing)} matched no person. If the ID is wrong, correct it and plan the request again. If "
            "PostHog has no such person, record that with --expect-unmatched: posthog-bulk status JOURNAL shows the "
            "command."
        )
    if left_out:
        verb = "is" if len(left_out) == 1 else "are"
        yield f"{_which(left_out)} {verb} not covered: plan the request again if it is needed."


def _which(lines: list[int]) -> str:
    return f"Line{'s' * (len(lines) != 1)} {format_ranges(sorted(lines))}"


def _title(receipt: Receipt, state: DutyState) -> str:
    """Return the state in words; IDs of which the job knows nothing are not called complete."""
    unknown = [answer.result == "not_in_job" for answer in receipt.answers]
    if any(answer.days_late and answer.result not in DONE for answer in receipt.answers):
        return f"{_STATE_TITLES[state]}, overdue"
    if state is not DutyState.COMPLETE or not any(unknown):
        return _STATE_TITLES[state]
    if all(unknown):
        return "Not found by this ID" if len(unknown) == 1 else "Not found by these IDs"
    return "Not all found by these IDs"


def _answers(receipt: Receipt) -> Iterator[Section]:
    answers = receipt.answers
    persons = {person.target for answer in answers for person in answer.persons}
    grouped = (GROUPED,) if max(len(answers), len(persons)) > SINGLE_MAX else ()
    if receipt.reference is None:
        ids = Table(headings=("ID number", "Result", "Input lines"), rows=(*id_rows(answers),), numeric=frozenset({0}))
        yield Section(title="IDs", blocks=(_ORDER, _LIMITS, *grouped, ids))
        return
    headings = ("Line", "Received", "Due", "Outcome", "Result")
    lines = Table(headings=headings, rows=(*line_rows(answers),), numeric=frozenset({0}))
    yield Section(title="The request", blocks=(*grouped, lines))


def _persons(receipt: Receipt) -> Iterator[Section]:
    by_number = {person.target: person for answer in receipt.answers for person in answer.persons}
    if not by_number:
        return
    persons = [person for _, person in sorted(by_number.items())]
    axes = [axis.value for axis in Axis if any(axis.value in person.states for person in persons)]
    titles = (AXIS_TITLES[axis].removesuffix("s") if axis == "person" else AXIS_TITLES[axis] for axis in axes)
    headings = ("Number", *titles, "First request", "Read back as done", "Events purged")
    table = Table(headings=headings, rows=(*person_rows(persons, axes),), numeric=frozenset({0}))
    yield Section(title="What was done", blocks=(_NUMBERS, table))


def _proof(receipt: Receipt) -> Section:
    rows: list[Row] = [
        ("Operation", operation_words(receipt.operation)),
        *record_rows(receipt.record),
        ("Job", receipt.job),
        ("Host", receipt.host),
        ("Project", str(receipt.project_id)),
        ("Planned", format_time(receipt.planned_at, seconds=True)),
        ("Approved", "no" if receipt.approved_at is None else format_time(receipt.approved_at, seconds=True)),
        ("As of", format_time(receipt.last_entry_at, seconds=True)),
        ("Plan digest", receipt.plan_digest),
        ("Journal digest", receipt.journal_digest),
        ("Receipts digest", receipt.receipts_digest),
        ("Version", receipt.version),
    ]
    if receipt.shredded_at is not None:
        rows.append(("Plan destroyed", format_time(receipt.shredded_at, seconds=True)))
    sentence = "The journal and the receipts of the job prove this; the same files result in the same text."
    return Section(title="Proof", blocks=(sentence, Table(headings=(), rows=tuple(rows))))
