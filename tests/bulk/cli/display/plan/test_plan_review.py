"""What a review says about an operation before it is approved."""

import pytest

from bulk.cli.display.plan.plan_review import describe_irreversible
from bulk.operations import (
    DeleteEvents,
    DeletePersons,
    DeleteRecordings,
    Operation,
    UnsetProperties,
    UpdateProperties,
)


@pytest.mark.parametrize(
    ("operation", "words"),
    [
        (
            DeletePersons(),
            (
                "deleted persons do not come back; their events and recordings stay, and cannot be deleted afterwards: "
                "to delete them with the persons, plan with --delete-events --delete-recordings"
            ),
        ),
        (
            DeletePersons(delete_events=True),
            (
                "deleted persons do not come back; their recordings stay, and cannot be deleted afterwards: "
                "to delete them with the persons, plan with --delete-recordings"
            ),
        ),
        (
            DeletePersons(delete_events=True, delete_recordings=True),
            "deleted persons, events and recordings do not come back",
        ),
        (DeleteEvents(), "deleted events do not come back"),
        (DeleteRecordings(), "deleted recordings do not come back"),
        (
            UpdateProperties(properties={"a": 1}),
            "the previous values are not kept; to keep them, plan with --keep-before FILE",
        ),
        (UnsetProperties(keys=("a",)), "the removed values are not kept; to keep them, plan with --keep-before FILE"),
    ],
)
def test_a_review_says_what_cannot_be_undone(operation: Operation, words: str) -> None:
    assert describe_irreversible(operation) == words
