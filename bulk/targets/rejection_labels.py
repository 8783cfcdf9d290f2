"""The server's own labels of rejections, such as "bad_request:400", kept beside the reason `rejected`. Pure."""

from collections.abc import Iterable, Iterator

from bulk.targets.reasons import Reason
from bulk.targets.target_sets import in_both, marked

MAX_LABELS = 254
OTHERS = "other"
"""The name that all labels after the 254th share."""


class RejectionLabels:
    """The label of each rejected target per axis. A label is the error's kind, status and code, never free text.

    A label takes one byte per target, so only the first 254 different labels are kept apart.

    Arguments:
        count: number of targets.
    """

    def __init__(self, count: int = 0) -> None:
        self._count = count
        self._names: list[str] = [""]
        self._of: dict[str, bytearray] = {}

    def set_label(self, axis: str, ranges: Iterable[tuple[int, int]], label: str) -> None:
        """Set the label of targets on an axis."""
        if label not in self._names:
            if len(self._names) > MAX_LABELS:
                label = OTHERS
            if label not in self._names:
                self._names.append(label)
        code = self._names.index(label)
        labels = self._of.setdefault(axis, bytearray(self._count))
        for start, stop in ranges:
            labels[start:stop] = bytes([code]) * (stop - start)

    def reason_for(self, axis: str, number: int) -> str:
        """Return the reason of one rejected target, as reports print it: "rejected:bad_request:400"."""
        labels = self._of.get(axis)
        return _reason(self._names[labels[number]] if labels else "")

    def split(self, axis: str, rejected: bytearray) -> Iterator[tuple[str, bytearray]]:
        """Yield each reason with its targets, as one byte per target.

        Arguments:
            rejected: one byte per target, 1 for those that are rejected now.
        """
        labels = self._of.get(axis, bytearray(self._count))
        for code, name in enumerate(self._names):
            with_label = in_both(marked(labels, (code,)), rejected)
            if 1 in with_label:
                yield _reason(name), with_label


def _reason(label: str) -> str:
    return f"{Reason.REJECTED.value}:{label}" if label else Reason.REJECTED.value
