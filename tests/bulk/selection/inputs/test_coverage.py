"""What a verdict says about the input that the plan does not cover."""

import pytest

from bulk.selection.inputs.coverage import InputCoverage, coverage_of, with_coverage


@pytest.mark.parametrize(
    ("coverage", "words"),
    [
        (InputCoverage(), ""),
        (InputCoverage(lines=4), ""),
        (
            InputCoverage(lines=4, unmatched=2, refused=1),
            "3 of 4 input lines are not covered (2 matched no person, 1 refused)",
        ),
        (InputCoverage(lines=4, unmatched=1), "1 of 4 input lines is not covered (1 matched no person)"),
        (InputCoverage(lines=1, unread=1), "1 of 1 input line is not covered (1 could not be read)"),
        (
            InputCoverage(lines=12_000, unmatched=3_000, refused=1, unread=2),
            "3,003 of 12,000 input lines are not covered (3,000 matched no person, 1 refused, 2 could not be read)",
        ),
        (
            InputCoverage(lines=9, unmatched=2, refused=1, repeated=3, repeated_unmatched=1),
            "6 of 9 input lines are not covered (2 matched no person, 1 refused, 3 repeated from such lines)",
        ),
        (
            InputCoverage(lines=9, unmatched=2, refused=1, repeated=2, repeated_unmatched=1, unmatched_expected=True),
            "2 of 9 input lines are not covered (1 refused, 1 repeated from such a line)",
        ),
        (InputCoverage(unread=2), "2 selected persons are not covered (could not be read)"),
    ],
)
def test_what_is_not_covered_is_said_in_words(coverage: InputCoverage, words: str) -> None:
    assert coverage.sentence() == words
    assert coverage.words() == words.replace(" are not covered", "").replace(" is not covered", "")
    expected = "; 3 input lines matched no person, as expected" if coverage.unmatched_expected else ""
    assert with_coverage("Done: all.", coverage) == (f"Done: all; {words}{expected}." if words else "Done: all.")


def test_an_unknown_coverage_leaves_the_verdict_as_it_is() -> None:
    assert with_coverage("Done: all.", None) == "Done: all."


def test_the_coverage_follows_from_the_findings() -> None:
    findings = {"lines": {"count": 9}, "unmatched": {"count": 3}, "refused": {"count": 2}, "unread": {"count": 1}}
    assert coverage_of(findings) == InputCoverage(lines=9, unmatched=3, refused=2, unread=1)
    assert coverage_of({"listed": {"count": 9}, "discovery": {"unread": 2}}) == InputCoverage(unread=2)
    assert coverage_of({"listed": {"count": 9}, "query": {"unread": 3}}) == InputCoverage(unread=3)
    assert coverage_of({"listed": {"count": 9}}) == InputCoverage()


def test_lines_that_are_expected_to_match_no_person_are_covered_if_their_number_is_right() -> None:
    repeated = {"not_covered": {"count": 3, "unmatched": 1}}
    findings = {"lines": {"count": 9}, "unmatched": {"count": 2}, "duplicates": {"count": 4, **repeated}}
    for number, not_covered, expected in ((None, 5, 0), (1, 5, 0), (2, 2, 3), (3, 5, 0)):
        coverage = coverage_of(findings, expect_unmatched=number)
        assert (coverage.not_covered, coverage.expected) == (not_covered, expected)
    assert not coverage_of({"lines": {"count": 9}}, expect_unmatched=0).unmatched_expected
