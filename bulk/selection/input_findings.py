"""Collects the findings of the input check: the outcome of each input line, and persons with many distinct IDs. Pure.

Findings identify a line by its number and nothing else, so that they can be part of a report.
"""

from array import array
from typing import Any

from bulk.number_ranges import format_ranges
from bulk.selection.id_files import Reason

MANY_DISTINCT_IDS = 10
"""Distinct IDs from which a person counts as having many; batch reads show no more (contract 6.11)."""
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

    def to_finding(self) -> dict[str, Any]:
        """Return the count and the numbers; `cut` says that not all of them fit."""
        text = format_ranges(sorted(self._numbers))  # lines that were looked up again come out of order
        finding: dict[str, Any] = {"count": len(self._numbers), "lines": text}
        if len(text) > TEXT_MAX:
            finding["lines"] = text[: text.rindex(",", 0, TEXT_MAX)]
            finding["cut"] = True
        return finding


class Findings:
    """The findings that are collected while a selection is resolved."""

    def __init__(self) -> None:
        self.lines = 0
        self.listed = 0
        self.targets = 0
        self.unmatched = LineNumbers()
        self.unread = LineNumbers()
        self.duplicates = LineNumbers()
        self.aliases = LineNumbers()
        self.refused: dict[Reason, LineNumbers] = {}
        self.discovery: dict[str, str] = {}
        self.query: dict[str, Any] = {}
        self.placeholders = 0
        self.protected: dict[str, Any] = {}
        self.without = 0
        self.gone = 0
        self.unread_persons = 0
        self._with_many_ids = 0
        self._most_ids = 0

    def refuse(self, number: int, reason: Reason) -> None:
        """Record a line that cannot be used."""
        self.refused.setdefault(reason, LineNumbers()).add(number)

    def add_target(self, distinct_ids: int) -> None:
        """Record a target and the number of distinct IDs that the read shows."""
        self.targets += 1
        self._most_ids = max(self._most_ids, distinct_ids)
        self._with_many_ids += distinct_ids >= MANY_DISTINCT_IDS

    @property
    def seen(self) -> int:
        """Input lines read, or persons listed, so far."""
        return self.lines or self.listed

    def to_list(self, *, requests: int) -> list[dict[str, Any]]:
        """Return the findings as in a plan's footer, each with its `kind`.

        Args:
            requests: requests made to plan.
        """
        found: list[dict[str, Any]] = [{"kind": "requests", "count": requests}]
        if self.lines:
            found.append({"kind": "lines", "count": self.lines})
            for kind, lines in (
                ("unmatched", self.unmatched),
                ("unread", self.unread),
                ("duplicates", self.duplicates),
                ("aliases", self.aliases),
            ):
                found.append({"kind": kind, **lines.to_finding()})
            refused = sorted(self.refused.items(), key=lambda pair: pair[0].value)
            found.append(
                {
                    "kind": "refused",
                    "count": sum(len(lines) for lines in self.refused.values()),
                    "reasons": {reason.value: lines.to_finding() for reason, lines in refused},
                }
            )
        else:
            found.append({"kind": "listed", "count": self.listed})
        if self.discovery:
            counts = {"without": self.without, "gone": self.gone, "unread": self.unread_persons}
            found.append({"kind": "discovery", **self.discovery, **counts})
        if self.protected:
            found.append({"kind": "protected", **self.protected})
        if self.query:
            counts = {"gone": self.gone, "unread": self.unread_persons, "placeholders": self.placeholders}
            found.append({"kind": "query", **self.query, **counts})
        found.append(
            {
                "kind": "many_distinct_ids",
                "count": self._with_many_ids,
                "threshold": MANY_DISTINCT_IDS,
                "most_shown": self._most_ids,
            }
        )
        return found


def by_kind(findings: list[Any]) -> dict[str, dict[str, Any]]:
    """Return a plan's findings by kind; entries without a kind are left out."""
    return {
        str(one["kind"]): {key: value for key, value in one.items() if key != "kind"}
        for one in findings
        if isinstance(one, dict) and "kind" in one
    }
