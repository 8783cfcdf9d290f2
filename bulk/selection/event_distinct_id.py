"""By which of its distinct ids a person is addressed in an event. Pure.

Any one of them does (contract 12), but ingestion drops an event with an empty id and cuts a long one, which makes
it somebody else's.
"""

from collections.abc import Sequence

from bulk.selection.placeholder_ids import is_shared

LONGEST = 200


def pick_distinct_id(distinct_ids: Sequence[str], known_by: str | None = None) -> str | None:
    """The id to address a person by, one that stands for this person alone where there is one; None for none.

    Arguments:
        distinct_ids: the person's.
        known_by: the one by which a person that vanishes is looked for, taken before others.
    """
    usable = [each for each in distinct_ids if each.strip() and len(each) <= LONGEST and "\0" not in each]
    own = [each for each in usable if not is_shared(each)] or usable
    return known_by if known_by in own else next(iter(own), None)
