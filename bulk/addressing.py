"""By which of its distinct ids a person is addressed in an event. Pure.

Any one of them does (contract 12), but ingestion drops an event with an empty id and cuts a long one, which makes
it somebody else's.
"""

from collections.abc import Sequence

from bulk.shared_ids import is_shared

LONGEST = 200


def address_of(distinct_ids: Sequence[str]) -> str | None:
    """The id to address a person by, one that stands for this person alone where there is one; None for none."""
    usable = [each for each in distinct_ids if each.strip() and len(each) <= LONGEST and "\0" not in each]
    return next((each for each in usable if not is_shared(each)), usable[0] if usable else None)
