"""The server's own labels of rejections, kept beside the reason `rejected`: as many as a byte tells apart. Pure."""

from collections.abc import Iterable, Iterator

from bulk.targets.reasons import Reason
from bulk.targets.target_sets import in_both, marked

MOST_LABELS = 254
OTHERS = "other"
"""The name of every label after the 254th."""


class RejectionLabels:
    """Which label each rejected target has on each axis. Labels are kind, status and code, never free text.

    Arguments:
        count: targets.
    """

    def __init__(self, count: int = 0) -> None:
        self._count = count
        self._names: list[str] = [""]
        self._of: dict[str, bytearray] = {}

    def give(self, axis: str, ranges: Iterable[tuple[int, int]], label: str) -> None:
        """Note the label of targets."""
        if label not in self._names:
            if len(self._names) > MOST_LABELS:
                label = OTHERS
            if label not in self._names:
                self._names.append(label)
        place = self._names.index(label)
        labels = self._of.setdefault(axis, bytearray(self._count))
        for start, stop in ranges:
            labels[start:stop] = bytes([place]) * (stop - start)

    def name(self, axis: str, number: int) -> str:
        """The rejection of one target, as reports name it."""
        labels = self._of.get(axis)
        return _named(self._names[labels[number]] if labels else "")

    def split(self, axis: str, rejected: bytearray) -> Iterator[tuple[str, bytearray]]:
        """Rejected targets by label.

        Arguments:
            rejected: one byte per target, 1 for those that are rejected now.
        """
        labels = self._of.get(axis, bytearray(self._count))
        for place, name in enumerate(self._names):
            these = in_both(marked(labels, (place,)), rejected)
            if 1 in these:
                yield _named(name), these


def _named(label: str) -> str:
    return f"{Reason.REJECTED.value}:{label}" if label else Reason.REJECTED.value
