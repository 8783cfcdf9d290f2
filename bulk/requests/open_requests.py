"""Counts the requests of receipts that are not done, per day on which they are due. Reads the receipts."""

from collections.abc import Callable

from bulk.files.disk_sets import DiskStringSet
from bulk.number_ranges import parse_ranges
from bulk.requests.receipt_lines import LineEntry, PersonEntry
from bulk.requests.receipts import Receipts

_UNMATCHED = "unmatched"
_NOT_DONE = frozenset({_UNMATCHED, "unread", "refused", "protected"})
"""Outcomes of a line after which its request is not done, whatever became of the targets: the plan lacks the line."""
_Request = tuple[str, str]


def count_open_requests(
    receipts: Receipts, is_open: Callable[[int], bool], *, unmatched_expected: bool = False
) -> dict[str, int]:
    """Return the number of open requests by the day on which they are due, ISO 8601.

    Memory use grows with the lines that name persons of earlier lines, and not with the others.

    Arguments:
        receipts: of the job.
        is_open: returns whether a target is not done.
        unmatched_expected: whether a request is done whose lines match no person.

    Raises:
        ReceiptsError: a line is damaged.
    """
    return count_requests(receipts, lambda target, _: is_open(target), unmatched_expected=unmatched_expected)


def count_requests(
    receipts: Receipts, applies: Callable[[int, str], bool], *, unmatched_expected: bool = False
) -> dict[str, int]:
    """Return the number of requests that the plan does not cover or with a target to which something applies, by day.

    Arguments:
        receipts, unmatched_expected: as for `count_open_requests`, and so is what is raised.
        applies: returns for a target and the due day of a request of its person whether that request counts.
    """
    not_done = _NOT_DONE - {_UNMATCHED} if unmatched_expected else _NOT_DONE
    linked: dict[str, set[_Request]] = {}
    counts: dict[str, int] = {}
    with DiskStringSet() as known:

        def add(request: _Request) -> None:
            if known.add("\0".join(request)):
                counts[request[0]] = counts.get(request[0], 0) + 1

        for entry in receipts.entries():
            if not isinstance(entry, LineEntry) or entry.due is None:
                continue
            request = entry.due, _name(entry)
            if entry.outcome in not_done or _has_target(entry, entry.due, applies):
                add(request)
            repeated = (entry.id,) if entry.outcome == "repeated" and entry.id is not None else ()
            for link in (*entry.persons, *repeated):
                linked.setdefault(link, set()).add(request)
        for _ in range(2):  # a repeated line refers to a line, which refers to persons
            further: dict[str, set[_Request]] = {}
            for entry in receipts.entries() if linked else ():
                if isinstance(entry, PersonEntry):
                    requests = linked.get(entry.uuid, set()) | linked.get(entry.distinct_id or "", set())
                    for request in requests:
                        if applies(entry.target, request[0]):
                            add(request)
                elif entry.outcome != "repeated" and (requests := linked.get(entry.id or "", set())):
                    for request in requests:
                        if entry.outcome in not_done or _has_target(entry, request[0], applies):
                            add(request)
                        for person in entry.persons:
                            further.setdefault(person, set()).add(request)
            linked = further
    return counts


def _name(entry: LineEntry) -> str:
    """Return what tells a request from others: its reference, or its line if it has none."""
    return entry.reference or entry.reference_id or f"\n{entry.line}"


def _has_target(entry: LineEntry, due: str, applies: Callable[[int, str], bool]) -> bool:
    found = False
    for start, stop in parse_ranges(entry.targets or ""):
        for number in range(start, stop):  # all of them, because each may tell how late its request was done
            found = applies(number, due) or found
    return found
