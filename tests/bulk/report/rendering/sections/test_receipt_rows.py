"""The rows of a receipt: a few lines have a row each, of many those with the same result share one."""

import pytest
from cause_jobs import large_receipt

from bulk.report.receipt import Answer, PersonResult
from bulk.report.rendering.sections.receipt_rows import SINGLE_MAX, id_rows, line_rows, person_rows

AT = "2026-11-24T10:00:{:02}.000Z"


def answer(number: int, target: int | None = None, *, second: int = 0, **changes: object) -> Answer:
    if target is None:
        given = {"result": "not_in_job", "sentence": "not found by this ID", **changes}
        return Answer(number=number, **given)  # type: ignore[arg-type]
    done_at = AT.format(second)
    person = PersonResult(
        target=target,
        result="done",
        states={"person": "deleted_confirmed"},
        requested_at=AT.format(0),
        done_at=done_at,
        purged_at=None,
    )
    given = {"result": "done", "sentence": f"person {target}: done; read back at ...", "outcome": "selected", **changes}
    return Answer(number=number, persons=(person,), lines=(number,), **given)  # type: ignore[arg-type]


@pytest.mark.parametrize("count", [1, SINGLE_MAX])
def test_a_few_lines_have_a_row_each(count: int) -> None:
    answers = [answer(number, number) for number in range(1, count + 1)]
    assert [row[0] for row in line_rows(answers)] == [str(number) for number in range(1, count + 1)]
    assert [row[4] for row in line_rows(answers)] == [one.sentence for one in answers]


def test_many_lines_with_the_same_result_share_a_row_with_their_span() -> None:
    answers = [answer(number, number - 1, second=number % 60) for number in range(1, 1_501)]
    answers.insert(700, answer(1_501, outcome="unmatched", result="not_found", sentence="no person had this ID"))
    answers.append(answer(1_502, 3_000, received="2026-11-01", due="2026-12-01"))
    assert [*line_rows(answers)] == [
        (
            *("1 to 700", "unknown", "unknown", "selected"),
            "700 persons (0 to 699): done; read back from 2026-11-24 10:00:00 UTC to 2026-11-24 10:00:59 UTC",
        ),
        ("1,501", "unknown", "unknown", "unmatched", "no person had this ID"),
        (
            *("701 to 1,500", "unknown", "unknown", "selected"),
            "800 persons (700 to 1,499): done; read back from 2026-11-24 10:00:00 UTC to 2026-11-24 10:00:59 UTC",
        ),
        ("1,502", "2026-11-01", "2026-12-01", "selected", answers[-1].sentence),
    ]


def test_lines_between_those_of_other_requests_are_counted() -> None:
    answers = [answer(40 * number, 80 * number) for number in range(1, 101)]
    (row,) = line_rows(answers)
    assert row[0] == "40 to 4,000 (100 of these)"
    assert row[4].startswith("100 persons (80 to 8,000): done; read back at 2026-11-24 10:00:00 UTC")


def test_many_ids_of_one_result_share_a_row() -> None:
    answers = [answer(number) for number in range(1, 1_001)] + [answer(1_001, 7)]
    assert [*id_rows(answers)] == [
        ("1 to 1,000", "not found by this ID", ""),
        ("1,001", "person 7: done; read back at ...", "1,001"),
    ]


def test_persons_with_the_same_states_and_times_share_a_row() -> None:
    persons = [answer(0, number, second=number // 250).persons[0] for number in range(1_000)]
    rows = [*person_rows(persons, ["person"])]
    assert [row[0] for row in rows] == ["0 to 249", "250 to 499", "500 to 749", "750 to 999"]
    assert rows[1][1:] == (
        "deleted (confirmed by reading back)",
        "2026-11-24 10:00:00 UTC",
        "2026-11-24 10:00:01 UTC",
        "",
    )


def test_the_rows_of_a_large_receipt_add_up_to_its_lines() -> None:
    receipt = large_receipt()
    spans = [row[0].replace(",", "").split(" to ") for row in line_rows(receipt.answers)]
    assert len(receipt.answers) == 2_501
    assert sum(int(span[-1]) - int(span[0]) + 1 for span in spans) == 2_501
