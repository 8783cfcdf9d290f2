"""What a planner has to say of its input: lines by what became of them, and how far an operation reaches. Pure.

Lines are named by their numbers and nothing else, so that findings may stand in reports.
"""

from array import array
from typing import Any

from bulk.number_ranges import format_ranges
from bulk.selection.id_files import Reason

MANY_DISTINCT_IDS = 10
"""From this many on a person is pointed out: batch reads show no more (contract 6.11)."""
TEXT_MAX = 2 << 20
"""Characters of line numbers that one finding may take; all findings together must fit in a plan's footer."""


class Lines:
    """Numbers of lines, eight bytes each."""

    def __init__(self) -> None:
        self._numbers = array("Q")

    def __len__(self) -> int:
        return len(self._numbers)

    def add(self, number: int) -> None:
        """Note a line."""
        self._numbers.append(number)

    def found(self) -> dict[str, Any]:
        """How many, and which ones; `listed` says how many of them the text names where not all."""
        text = format_ranges(sorted(self._numbers))  # second looks come out of turn
        finding: dict[str, Any] = {"count": len(self._numbers), "lines": text}
        if len(text) > TEXT_MAX:
            finding["lines"] = text[: text.rindex(",", 0, TEXT_MAX)]
            finding["cut"] = True
        return finding


class Findings:
    """Everything that is found out while a selection is read."""

    def __init__(self) -> None:
        self.lines = 0
        self.listed = 0
        self.targets = 0
        self.unmatched = Lines()
        self.unread = Lines()
        self.duplicates = Lines()
        self.aliases = Lines()
        self.refused: dict[Reason, Lines] = {}
        self.discovery: dict[str, str] = {}
        self.without = 0
        self.gone = 0
        self.unread_persons = 0
        self._many = 0
        self._most = 0

    def refuse(self, number: int, reason: Reason) -> None:
        """Note a line that cannot be used."""
        self.refused.setdefault(reason, Lines()).add(number)

    def person(self, distinct_ids: int) -> None:
        """Note a target, with as many distinct ids as the reads show."""
        self.targets += 1
        self._most = max(self._most, distinct_ids)
        self._many += distinct_ids >= MANY_DISTINCT_IDS

    @property
    def seen(self) -> int:
        """Lines read or persons listed so far."""
        return self.lines or self.listed

    def to_list(self, *, requests: int) -> list[dict[str, Any]]:
        """The findings as the plan's footer holds them, each with its `kind`.

        Args:
            requests: how many were made to plan.
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
                found.append({"kind": kind, **lines.found()})
            refused = sorted(self.refused.items(), key=lambda pair: pair[0].value)
            found.append(
                {
                    "kind": "refused",
                    "count": sum(len(lines) for lines in self.refused.values()),
                    "reasons": {reason.value: lines.found() for reason, lines in refused},
                }
            )
        else:
            found.append({"kind": "listed", "count": self.listed})
        if self.discovery:
            counts = {"without": self.without, "gone": self.gone, "unread": self.unread_persons}
            found.append({"kind": "discovery", **self.discovery, **counts})
        found.append(
            {
                "kind": "many_distinct_ids",
                "count": self._many,
                "threshold": MANY_DISTINCT_IDS,
                "most_shown": self._most,
            }
        )
        return found


def by_kind(findings: list[Any]) -> dict[str, dict[str, Any]]:
    """A plan's findings by their kind; what is no finding is left out."""
    return {
        str(one["kind"]): {key: value for key, value in one.items() if key != "kind"}
        for one in findings
        if isinstance(one, dict) and "kind" in one
    }
