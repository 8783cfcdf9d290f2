"""A person that a selection matches, and the distinct ID that the plan keeps for it. Pure."""

import msgspec

from asyncclient import Person, PersonRef, RawPerson
from bulk.posthog.person_reads import Known, to_ref
from bulk.property_checks import DesiredProperties
from bulk.selection.event_distinct_id import pick_distinct_id


class SelectedPerson(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A person that a selection matches.

    Arguments:
        ref: the person's identity.
        known_by: the distinct ID that selected the person, or one by which it can be looked up (guarantee 22).
        line: the number of the first input line that selects the person; None for a filter or a query.
        keys: the keys of its properties that were read.
        raw: the server's own object, where it was requested.
        change: the values that it gets, where each person gets its own.
    """

    ref: PersonRef
    known_by: str | None
    line: int | None = None
    keys: tuple[str, ...] = ()
    raw: msgspec.Raw | None = None
    change: DesiredProperties | None = None


def selected(
    person: Known, *, by: str | None = None, line: int | None = None, change: DesiredProperties | None = None
) -> SelectedPerson:
    """Return a person as selected.

    Arguments:
        by: the distinct ID that selected the person; None to pick one.
        line, change: as in `SelectedPerson`.
    """
    ref = to_ref(person)
    if by is None:
        by = _any_distinct_id(ref)
    if ref is person:
        return SelectedPerson(ref=ref, known_by=by, line=line, change=change)
    keys = tuple(person.properties) if isinstance(person, Person) else ()
    raw = person.raw if isinstance(person, RawPerson) else None
    return SelectedPerson(ref=ref, known_by=by, line=line, keys=keys, raw=raw, change=change)


def with_distinct_ids(person: SelectedPerson, read_again: Known) -> SelectedPerson:
    """Return a person that was read without a distinct ID with those that a later read shows."""
    ref = to_ref(read_again)
    return msgspec.structs.replace(person, ref=ref, known_by=person.known_by or _any_distinct_id(ref))


def _any_distinct_id(ref: PersonRef) -> str | None:
    return pick_distinct_id(ref.distinct_ids) or next(iter(ref.distinct_ids), None)
