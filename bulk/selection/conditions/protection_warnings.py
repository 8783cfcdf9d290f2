"""Says which lines and conditions of a protection protect nobody, which is most likely a mistake. Pure."""

from collections.abc import Iterator
from typing import Any

from bulk.formatting import count_of

LINES_MAX = 100
"""Characters of line numbers in a sentence."""


def protection_warnings(protected: dict[str, Any]) -> Iterator[str]:
    """Yield a sentence for each.

    Arguments:
        protected: the finding of `ProtectedPersons`; plans of earlier versions have less of it.
    """
    read, unmatched = int(protected.get("read", 0)), protected.get("unmatched") or {}
    count, conditions = int(unmatched.get("count", 0)), list(protected.get("conditions", ()))
    empty = [one for one in conditions if not one.get("count")]
    if (read or conditions) and count == read and len(empty) == len(conditions):
        yield "Warning: --protect protects nobody, because it matches no person of the project."
    if count:
        yield (
            f"Warning: {count_of(count, 'line')} of the protection list {'matches' if count == 1 else 'match'} no "
            f"person and {'protects' if count == 1 else 'protect'} nobody: {_lines(unmatched)}."
        )
    if uuids := protected.get("unmatched_uuids"):
        yield (
            f"The UUIDs among them (lines {_lines(uuids)}) may be of persons that were merged into others since: "
            "list a distinct ID or the email of these persons too."
        )
    for one in empty:
        name = f"{one.get('key')} {one.get('operator')}"
        yield f"Warning: no person meets a condition of --protect ({name}), so it protects nobody."


def _lines(finding: dict[str, Any]) -> str:
    lines = str(finding.get("lines", ""))
    return lines if len(lines) <= LINES_MAX else f"{lines[:LINES_MAX].rpartition(',')[0]},..."
