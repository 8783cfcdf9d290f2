"""The rows and sentences of an input check: their order, and singular and plural."""

import pytest

from bulk.report.rendering.findings import discovery_sentences, finding_rows, finding_sentences


def test_wider_matches_stand_below_the_lines_that_matched_no_person() -> None:
    findings = {
        "lines": {"count": 4},
        "unmatched": {"count": 2, "lines": "1-2"},
        "duplicates": {"count": 1, "lines": "4"},
        "wider_match": {"by": "cleaned", "count": 1, "lines": "2", "persons": 1, "checked": 2},
    }
    assert [row[0] for row in finding_rows(findings)] == [
        "Lines read",
        "Lines that matched no person",
        "- would match without whitespace, quotes or invisible characters",
        "Lines that repeat an earlier one",
    ]


@pytest.mark.parametrize("count", [10, 5_000])
def test_many_line_numbers_are_cut_between_two_numbers(count: int) -> None:
    numbers = [str(2 * number) for number in range(1, count + 1)]
    kept = {"count": count, "lines": ",".join(numbers)}
    revert = {"gone": {"count": count, "targets": ",".join(numbers)}}
    findings = {"lines": {"count": 2 * count}, "refused": {"reasons": {"NUL byte": kept}}, "revert": revert}
    cells = [which for _, _, which in finding_rows(findings) if which]
    assert len(cells) == 2
    for cell in cells:
        *shown, last = cell.split(",")
        assert shown == numbers[: len(shown)]
        assert last == ("..." if count == 5_000 else numbers[-1])
        assert len(cell) <= 1_004


@pytest.mark.parametrize(
    ("count", "words"), [(1, "1 line that matches no person"), (2, "2 lines that match no person")]
)
def test_a_sentence_about_wider_matches_has_the_right_number(count: int, words: str) -> None:
    wider = {"by": "cleaned", "count": count, "persons": 1, "checked": 2}
    (sentence,) = finding_sentences({"wider_match": wider})
    assert sentence.startswith(f"Not selected: {words} would match 1 person without whitespace, ")


@pytest.mark.parametrize(
    ("one", "words"),
    [
        ({"count": 0, "persons": 0}, "PostHog shows no recordings of these persons."),
        ({"count": 3, "persons": 1}, "PostHog shows 3 recordings of 1 person."),
    ],
)
def test_a_sentence_about_recordings_says_if_there_are_none(one: dict[str, int], words: str) -> None:
    assert list(finding_sentences({"recordings": one})) == [words]


@pytest.mark.parametrize(
    ("one", "words"),
    [
        ({"without": 1}, "; 1 person without them was left out."),
        ({"without": 2}, "; 2 persons without them were left out."),
        ({"gone": 1}, "; 1 person in the result of the query does not exist any more."),
        ({"unread": 1}, "; 1 person in the result of the query is unread and not in the plan."),
    ],
)
def test_a_sentence_about_a_search_for_properties_has_the_right_number(one: dict[str, int], words: str) -> None:
    assert list(discovery_sentences({"discovery": {"by": "query", **one}})) == [
        f"A query found the persons that have the properties{words}"
    ]


@pytest.mark.parametrize(
    ("one", "words"),
    [
        ({"gone": 1, "placeholders": 1}, "1 person in its result does not exist any more; 1 placeholder ID such as"),
        ({"unread": 2}, "2 persons in its result are unread and not in the plan."),
    ],
)
def test_a_sentence_about_a_query_has_the_right_number(one: dict[str, int], words: str) -> None:
    (sentence,) = discovery_sentences({"query": {"as_of": "2026-11-29T12:00:00Z", **one}})
    assert sentence.startswith("The query describes the project as of 2026-11-29 12:00:00 UTC; ")
    assert words in sentence


@pytest.mark.parametrize(
    ("count", "last"),
    [
        (1, "Person 7 of the plan, selected by line 8, has 12 distinct IDs."),
        (2, "1 more person of the plan with at least 10 distinct IDs."),
        (100, "99 more persons of the plan with at least 10 distinct IDs."),
    ],
)
def test_persons_with_many_distinct_ids_that_are_not_listed_are_counted(count: int, last: str) -> None:
    shown = [{"target": 7, "line": 8, "distinct_ids": 12}]
    many = {"count": count, "threshold": 10, "most_shown": 12, "shown": shown}
    assert [*finding_sentences({"many_distinct_ids": many})][-1] == last
