"""What a job does to each of its targets: plain values, written into plan and journal.

Knows no client, no file and no target; `dispatch` turns an operation into calls.
"""

from typing import Any

import msgspec


class DeletePersons(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="delete", tag_field="kind"
):
    """Delete each person, after what else was asked for has been queued.

    Arguments:
        delete_events: queue the deletion of the person's events first (contract 6.5, 6.6).
        delete_recordings: ask for the deletion of the person's recordings first (contract 6.7).
    """

    delete_events: bool = False
    delete_recordings: bool = False

    @property
    def queues_first(self) -> bool:
        """Whether anything has to be queued while the person still resolves (promise 19)."""
        return self.delete_events or self.delete_recordings


Operation = DeletePersons


def to_dict(operation: Operation) -> dict[str, Any]:
    """The operation as plan and journal hold it: its kind and every parameter."""
    builtins: dict[str, Any] = msgspec.to_builtins(operation)
    return builtins


def from_dict(fields: dict[str, Any]) -> Operation:
    """The operation that `to_dict` wrote.

    Raises:
        ValueError: the kind or a parameter is not one that this version knows.
    """
    try:
        return msgspec.convert(fields, Operation, strict=True)
    except msgspec.ValidationError as problem:
        raise ValueError(f"the operation {fields.get('kind')!r} is not one of this version: {problem}") from None


def describe(operation: Operation) -> str:
    """The operation in words, for people."""
    extras = [
        words
        for asked, words in (
            (operation.delete_events, "their events"),
            (operation.delete_recordings, "their recordings"),
        )
        if asked
    ]
    return " and ".join(["delete persons", *extras]) if len(extras) < 2 else "delete persons, " + " and ".join(extras)
