"""Collects the findings of the input check: the outcome of each input line, and persons with many distinct IDs. Pure.

Findings identify a line by its number and nothing else, so that they can be part of a report.
"""

from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from heapq import heappop, heappush
from typing import Any
from uuid import UUID

from asyncclient import PostHogError, UnreadableRow
from bulk.number_ranges import format_ranges
from bulk.selection.inputs.causes import Cause
from bulk.selection.inputs.line_checks import Reason, RefusedLine
from bulk.selection.lookups.property_counts import PropertyCounts

MANY_DISTINCT_IDS = 10
"""Distinct IDs from which a person counts as having many; batch reads show no more (contract 6.11)."""
LISTED_MAX = 1_000
"""Distinct IDs that a listing shows of one person."""
SHOWN_MAX = 20
"""Lines with several persons, and persons with many distinct IDs, that are shown one by one: those with the most."""
KEPT_MAX = 100
"""Persons with many distinct IDs whose number is looked up."""
WIDER_MAX = 5_000
"""Lines without a person for which wider matches are counted, so that planning stays within minutes."""
WIDER_WORDS = {
    "emails": "would match in another case, under another key, or without whitespace and quotes",
    "cleaned": "would match without whitespace, quotes or invisible characters",
}
"""What the lines would do that a wider match finds."""
REASONS_MAX = 40
"""Different reasons for which lines are refused, with the column; those of further columns are not told apart."""
FIRST_LINES_MAX = 1_000
"""Lines that repeat an earlier one, or its person, for which the plan names the earlier one: the first of them."""
TEXT_MAX = 2 << 20
"""Maximum characters of line numbers per finding, so that all findings fit in a plan's footer."""


class LineNumbers:
    """Line numbers, in eight bytes each."""

    def __init__(self) -> None:
        self._numbers = array("Q")

    def __len__(self) -> int:
        return len(self._numbers)

    def add(self, number: int) -> None:
        """Add a line."""
        self._numbers.append(number)

    def count_among(self, others: Sequence[int]) -> int:
        """Return how many of other numbers are among these."""
        ordered = array("Q", sorted(self._numbers))
        places = (bisect_left(ordered, number) for number in others)
        return sum(at < len(ordered) and ordered[at] == number for at, number in zip(places, others, strict=True))

    def to_finding(self) -> dict[str, Any]:
        """Return the count and the numbers; `cut` says that not all of them fit."""
        text = format_ranges(sorted(self._numbers))  # lines that were looked up again come out of order
        finding: dict[str, Any] = {"count": len(self._numbers), "lines": text}
        if len(text) > TEXT_MAX:
            finding["lines"] = text[: text.rindex(",", 0, TEXT_MAX)]
            finding["cut"] = True
        return finding


class Largest:
    """Counts entries, and keeps those with the largest numbers.

    Arguments:
        by: the field that holds the number; it may grow while the entry is kept.
    """

    def __init__(self, by: str) -> None:
        self.count = 0
        self._by = by
        self._kept: list[tuple[int, int, dict[str, Any]]] = []

    def add(self, entry: dict[str, Any]) -> None:
        """Add an entry; of two with the same number, the earlier one is kept."""
        self.count += 1
        heappush(self._kept, (entry[self._by], -self.count, entry))
        if len(self._kept) > KEPT_MAX:
            heappop(self._kept)

    def shown(self) -> list[dict[str, Any]]:
        """Return the entries with the largest numbers, the largest first."""
        kept = sorted(self._kept, key=lambda kept: (kept[2][self._by], kept[1]), reverse=True)
        return [entry for _, _, entry in kept[:SHOWN_MAX]]


def nobody(_: UUID) -> bool:
    """Return that a person is not protected."""
    return False


class Findings:
    """The findings that are collected while a selection is resolved.

    Attributes:
        leave_out: returns whether a person is protected, so that it is left out of the plan, and counts it.
        is_protected: returns the same and counts nothing.
        properties: counts the targets that have the properties of the operation; None where it changes none.
        read_error: the last error with which a person could not be read; None if no read failed.
    """

    leave_out: Callable[[UUID], bool]
    is_protected: Callable[[UUID], bool]

    def __init__(self) -> None:
        self.leave_out = self.is_protected = nobody
        self.lines = 0
        self.listed = 0
        self.unreadable_rows = LineNumbers()
        self.targets = 0
        self.unmatched = LineNumbers()
        self.unread = LineNumbers()
        self.duplicates = LineNumbers()
        self.first_lines: list[tuple[int, int]] = []
        self.repeated = LineNumbers()
        self._repeated_firsts = array("Q")
        self.aliases = LineNumbers()
        self.alias_firsts: list[tuple[int, int]] = []
        self.blank = LineNumbers()
        self.refused: dict[tuple[Reason, str], LineNumbers] = {}
        self.causes: dict[Cause, LineNumbers] = {}
        self.wider = LineNumbers()
        self.wider_persons = 0
        self.wider_by: str | None = None
        self.wider_checked = 0
        self.properties: PropertyCounts | None = None
        self.discovery: dict[str, str] = {}
        self.query: dict[str, Any] = {}
        self.placeholders = 0
        self.recordings: dict[str, Any] = {}
        self.protected: dict[str, Any] = {}
        self.protected_lines = LineNumbers()
        self.without = 0
        self.gone = 0
        self.unread_persons = 0
        self.read_error: PostHogError | None = None
        self._most_ids = 0
        self._many_ids = Largest("distinct_ids")
        self._several_persons = Largest("persons")

    def refuse(self, line: RefusedLine) -> None:
        """Record a line that cannot be used, by its reason in words."""
        reason = line.reason, line.words
        if len(self.refused) >= REASONS_MAX and reason not in self.refused:
            reason = line.reason, line.reason.value
        self.refused.setdefault(reason, LineNumbers()).add(line.number)

    @property
    def refused_lines(self) -> int:
        """How many lines cannot be used."""
        return sum(map(len, self.refused.values()))

    def add_unreadable(self, row: UnreadableRow) -> None:
        """Record a row of a listing that cannot be read, by its place."""
        self.unreadable_rows.add(row.place)

    def add_repeated(self, number: int, first: int) -> None:
        """Record a line that repeats an earlier one, and the number of the first line that it repeats."""
        self.duplicates.add(number)
        if len(self.first_lines) < FIRST_LINES_MAX:
            self.first_lines.append((number, first))

    def add_repeated_not_covered(self, number: int, first: int) -> None:
        """Record a line that repeats an earlier one which no target covers, and the number of the earlier one."""
        self.repeated.add(number)
        self._repeated_firsts.append(first)

    def add_alias(self, number: int, first: int) -> None:
        """Record a line that names only persons already selected, and the number of a line that selects one of them."""
        self.aliases.add(number)
        if len(self.alias_firsts) < FIRST_LINES_MAX:
            self.alias_firsts.append((number, first))

    def add_unmatched(self, number: int, cause: Cause) -> None:
        """Record a line that matches no person, and why that may be."""
        self.unmatched.add(number)
        self.causes.setdefault(cause, LineNumbers()).add(number)

    def add_wider_match(self, number: int, persons: int) -> None:
        """Record a line that matches no person, but would match some if it were compared more widely."""
        self.wider.add(number)
        self.wider_persons += persons

    def count_properties(self, uuid: UUID, names: Iterable[str]) -> None:
        """Count the properties of a target, if the operation changes any.

        Arguments:
            uuid: the person's.
            names: of its properties; those of the operation at least.
        """
        if self.properties is not None:
            self.properties.add(uuid, names)

    def add_target(self, distinct_ids: int, *, line: int | None = None) -> dict[str, Any] | None:
        """Record a target.

        Arguments:
            distinct_ids: the number of its distinct IDs that the read shows.
            line: the number of the input line that selects it, if any.

        Returns:
            The finding of a target with many distinct IDs, in which a larger number may be set; otherwise None.
        """
        number = self.targets
        self.targets += 1
        if distinct_ids > self._most_ids:
            self._most_ids = distinct_ids
        if distinct_ids < MANY_DISTINCT_IDS:
            return None
        entry: dict[str, Any] = {} if line is None else {"line": line}
        # a batch read shows no more than the one, a listing no more than the other
        entry |= {
            "target": number,
            "distinct_ids": distinct_ids,
            "is_minimum": distinct_ids in (MANY_DISTINCT_IDS, LISTED_MAX),
        }
        self._many_ids.add(entry)
        return entry

    def add_several_persons(self, line: int, persons: int, new: int) -> None:
        """Record a line that matches several persons; the targets that were added last are its new ones.

        Arguments:
            line: its number.
            persons: that it matches.
            new: those of them that no earlier line selects.
        """
        targets = format_ranges(range(self.targets - new, self.targets))
        self._several_persons.add({"line": line, "persons": persons, "targets": targets})

    @property
    def seen(self) -> int:
        """Input lines read, or persons listed, so far."""
        return self.lines or self.listed

    @property
    def unreadable(self) -> int:
        """Lines, persons and rows that could not be read, so that their persons are not selected."""
        return len(self.unread) + self.unread_persons + len(self.unreadable_rows)

    def to_list(self, *, requests: int | None) -> list[dict[str, Any]]:
        """Return the findings as in a plan's footer, each with its `kind`.

        Arguments:
            requests: requests made to plan; None where no plan is made.
        """
        found: list[dict[str, Any]] = [] if requests is None else [{"kind": "requests", "count": requests}]
        if self.lines:
            found += self._line_findings()
        else:
            found.append({"kind": "listed", "count": self.listed})
        if len(self.unreadable_rows):
            found.append({"kind": "unreadable_rows", **self.unreadable_rows.to_finding()})
        if self.properties is not None:
            found.append({"kind": "properties", "of": self.properties.to_finding()})
        if self.discovery:
            counts = {"without": self.without, "gone": self.gone, "unread": self.unread_persons}
            found.append({"kind": "discovery", **self.discovery, **counts})
        if self.recordings:
            found.append({"kind": "recordings", **self.recordings})
        if self.protected:
            found.append({"kind": "protected", **self.protected, "input": self.protected_lines.to_finding()})
        if self.query:
            counts = {"gone": self.gone, "unread": self.unread_persons, "placeholders": self.placeholders}
            found.append({"kind": "query", **self.query, **counts})
        found.append(
            {
                "kind": "many_distinct_ids",
                "count": self._many_ids.count,
                "threshold": MANY_DISTINCT_IDS,
                "most_shown": max([self._most_ids, *(entry["distinct_ids"] for entry in self._many_ids.shown())]),
                "shown": self._many_ids.shown(),
            }
        )
        return found

    def _line_findings(self) -> list[dict[str, Any]]:
        """Return the findings about the lines of an input."""
        found: list[dict[str, Any]] = [{"kind": "lines", "count": self.lines}]
        for kind, lines in (
            ("unmatched", self.unmatched),
            ("unread", self.unread),
            ("duplicates", self.duplicates),
            ("aliases", self.aliases),
        ):
            found.append({"kind": kind, **lines.to_finding()})
            if kind == "unmatched":
                ordered = sorted(self.causes.items(), key=lambda pair: pair[0].value)
                found[-1]["causes"] = {cause.value: each.to_finding() for cause, each in ordered}
            if kind == "duplicates" and len(self.repeated):
                unmatched = self.unmatched.count_among(self._repeated_firsts)
                found[-1]["not_covered"] = {**self.repeated.to_finding(), "unmatched": unmatched}
            if firsts := {"duplicates": self.first_lines, "aliases": self.alias_firsts}.get(kind):
                found[-1]["first_lines"] = [list(pair) for pair in firsts]
        reasons = {words: lines.to_finding() for (_, words), lines in sorted(self.refused.items(), key=_by_words)}
        found.append({"kind": "refused", "count": self.refused_lines, "reasons": reasons})
        if len(self.blank):
            found.append({"kind": "blank", **self.blank.to_finding()})
        if self.wider_by is not None:
            wider = {"by": self.wider_by, "checked": self.wider_checked, "persons": self.wider_persons}
            found.append({"kind": "wider_match", **self.wider.to_finding(), **wider})
        if self._several_persons.count:
            several = self._several_persons
            found.append({"kind": "several_persons", "count": several.count, "shown": several.shown()})
        return found


def _by_words(entry: tuple[tuple[Reason, str], LineNumbers]) -> str:
    return entry[0][1]


def by_kind(findings: list[Any]) -> dict[str, dict[str, Any]]:
    """Return a plan's findings by kind; entries without a kind are left out."""
    return {
        str(one["kind"]): {key: value for key, value in one.items() if key != "kind"}
        for one in findings
        if isinstance(one, dict) and "kind" in one
    }
