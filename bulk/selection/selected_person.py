"""A person that a selection matches, and the distinct ID that the plan keeps for it. Pure."""

import msgspec

from asyncclient import Person, PersonRef
from bulk.posthog.person_reads import to_ref
from bulk.selection.event_distinct_id import pick_distinct_id


class SelectedPerson(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A person that a selection matches.

    Arguments:
        ref: the person's identity.
        known_by: the distinct ID that selected the person, or one by which it can be looked up (guarantee 22).
        line: the number of the first input line that selects the person; None for a filter or a query.
        keys: the keys of its properties that were read.
    """

    ref: PersonRef
    known_by: str | None
    line: int | None = None
    keys: tuple[str, ...] = ()


def selected(person: Person | PersonRef, *, by: str | None = None) -> SelectedPerson:
    """Return a person as selected.

    Arguments:
        by: the distinct ID that selected the person; None to pick one.
    """
    ref = to_ref(person)
    if by is None:
        by = pick_distinct_id(ref.distinct_ids) or next(iter(ref.distinct_ids), None)
    keys = tuple(person.properties) if isinstance(person, Person) else ()
    return SelectedPerson(ref=ref, known_by=by, keys=keys)
