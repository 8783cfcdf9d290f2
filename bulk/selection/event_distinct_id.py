"""Picks the distinct ID by which an event addresses a person. Pure.

Any of the person's distinct IDs works (contract 12), but ingestion drops an event with an empty ID, and truncates a
long one so that it belongs to another person.
"""

from collections.abc import Sequence

from bulk.selection.placeholder_ids import is_placeholder

MAX_LENGTH = 200
"""Characters of a distinct ID that ingestion keeps."""


def pick_distinct_id(distinct_ids: Sequence[str], known_by: str | None = None) -> str | None:
    """Return a distinct ID for events of a person, or None where the person has no usable one.

    An ID that is not a placeholder comes first, since many persons' events may carry a placeholder.

    Arguments:
        distinct_ids: the person's distinct IDs.
        known_by: the distinct ID in the plan, which is preferred.
    """
    by_preference = [known_by, *distinct_ids] if known_by is not None and known_by in distinct_ids else distinct_ids
    for distinct_id in by_preference:
        if _is_usable(distinct_id) and not is_placeholder(distinct_id):
            return distinct_id
    return next(filter(_is_usable, by_preference), None)


def _is_usable(distinct_id: str) -> bool:
    return bool(distinct_id.strip()) and len(distinct_id) <= MAX_LENGTH and "\0" not in distinct_id
