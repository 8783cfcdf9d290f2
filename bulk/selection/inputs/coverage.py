"""Says which input a plan does not cover: lines that match no person, are refused, or cannot be read. Pure.

It holds counts alone, so that journals and reports may have it without the plan.
"""

from typing import Any

import msgspec

from bulk.formatting import count_of


class InputCoverage(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """What a plan covers of its input.

    Arguments:
        lines: lines of the input; 0 for a filter.
        unmatched: lines that match no person.
        refused: lines that cannot be used.
        unread: lines, or persons that a filter selects, whose person could not be read.
        protected: lines whose person no plan may contain.
        repeated: lines that repeat an earlier line that is not covered either.
        repeated_unmatched: those of them that repeat one which matches no person.
        unmatched_expected: whether a user confirmed that no person exists for the lines that match none. They count
            as covered then, and so do those that repeat them.
        changed_since: persons of a before-image that a revert leaves as they are, because others changed them. They
            count as covered.
    """

    lines: int = 0
    unmatched: int = 0
    refused: int = 0
    unread: int = 0
    protected: int = 0
    repeated: int = 0
    repeated_unmatched: int = 0
    unmatched_expected: bool = False
    changed_since: int = 0

    @property
    def not_covered(self) -> int:
        """Lines, or persons of a filter, that the plan does not cover."""
        return self.unmatched + self.refused + self.unread + self.protected + self.repeated - self.expected

    @property
    def expected(self) -> int:
        """Lines that match no person, or repeat such a line, and are confirmed to have none."""
        return self.unmatched + self.repeated_unmatched if self.unmatched_expected else 0

    def expected_words(self) -> str:
        """Return how many lines match no person as expected; empty if none is expected to."""
        return f"{count_of(self.expected, 'input line')} matched no person, as expected" if self.expected else ""

    def remarks(self) -> list[str]:
        """Return what else a verdict says of the input: what is left out on purpose."""
        left = self.changed_since
        kept = "as they are, because others changed them" if left > 1 else "as it is, because others changed it"
        changed = f"{count_of(left, 'person')} left {kept} since" if left else ""
        return [*filter(None, (self.expected_words(), changed))]

    def sentence(self) -> str:
        """Return what is not covered as a sentence without its end; empty if everything is covered."""
        verb = "is" if self.not_covered == 1 else "are"
        return f"{self._what()} {verb} not covered ({self._why()})" if self.not_covered else ""

    def words(self) -> str:
        """Return what is not covered; empty if everything is."""
        return f"{self._what()} ({self._why()})" if self.not_covered else ""

    def _what(self) -> str:
        if not self.lines:
            return count_of(self.unread, "selected person")
        return f"{self.not_covered:,} of {count_of(self.lines, 'input line')}"

    def _why(self) -> str:
        if not self.lines:
            return "could not be read"
        unmatched, repeated = self.unmatched, self.repeated
        if self.unmatched_expected:
            unmatched, repeated = 0, repeated - self.repeated_unmatched
        parts = (
            (unmatched, "matched no person"),
            (self.refused, "refused"),
            (self.unread, "could not be read"),
            (self.protected, "protected"),
            (repeated, "repeated from such a line" if repeated == 1 else "repeated from such lines"),
        )
        return ", ".join(f"{count:,} {what}" for count, what in parts if count)


def coverage_of(findings: dict[str, dict[str, Any]], *, expect_unmatched: int | None = None) -> InputCoverage:
    """Return the coverage that a plan's findings show.

    Arguments:
        findings: by kind.
        expect_unmatched: how many lines are expected to match no person; None if nothing is expected.
    """

    def count(kind: str, field: str = "count") -> int:
        value = findings.get(kind, {}).get(field, 0)
        return value if isinstance(value, int) else 0

    if "lines" not in findings:
        changed = findings.get("revert", {}).get("changed", {}).get("count", 0)
        return InputCoverage(
            unread=max(count("discovery", "unread"), count("query", "unread")),
            changed_since=changed if isinstance(changed, int) else 0,
        )
    protected = findings.get("protected", {}).get("input", {}).get("count", 0)
    not_covered = findings.get("duplicates", {}).get("not_covered", {})
    repeated, of_unmatched = not_covered.get("count", 0), not_covered.get("unmatched", 0)
    unmatched = count("unmatched")
    return InputCoverage(
        lines=count("lines"),
        unmatched=unmatched,
        refused=count("refused"),
        unread=count("unread"),
        protected=protected if isinstance(protected, int) else 0,
        repeated=repeated if isinstance(repeated, int) else 0,
        repeated_unmatched=of_unmatched if isinstance(of_unmatched, int) else 0,
        unmatched_expected=unmatched > 0 and unmatched == expect_unmatched,
    )


def with_coverage(verdict: str, coverage: InputCoverage | None) -> str:
    """Return a verdict that also says what the plan does not cover.

    Arguments:
        verdict: one sentence.
        coverage: None where it is not known.
    """
    more = () if coverage is None else (coverage.sentence(), *coverage.remarks())
    return "; ".join((verdict.removesuffix("."), *filter(None, more))) + "."
