"""The filters of the list call: turns query parameters into a test of persons (contract 6.1)."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from asyncclient.testing.http import envelope
from asyncclient.testing.queries.operators import BadFilter, compile_operator, text_of
from asyncclient.testing.state.mutations import Mutations

Predicate = Callable[[int], bool]


class PersonFilter(msgspec.Struct, frozen=True, kw_only=True):
    """The filter of a listing.

    `name` identifies the filter; None if it depends on the time. `candidates` has all persons that can match, if
    that is known without testing every person.
    """

    name: str | None
    predicate: Predicate
    candidates: frozenset[int] | None = None


class _Condition(msgspec.Struct, frozen=True):
    predicate: Predicate
    candidates: frozenset[int] | None = None
    timeless: bool = True


def parse_filters(query: Mapping[str, str], mutations: Mutations) -> PersonFilter | None:
    """Return the filter of a query; None selects all persons.

    Raises:
        Refusal: the server does not accept a filter.
    """
    conditions: list[_Condition] = []
    used = {name: query[name] for name in ("distinct_id", "email", "search", "properties") if query.get(name)}
    if "distinct_id" in used:
        conditions.append(_distinct_id(used["distinct_id"], mutations))
    if "email" in used:
        conditions.append(_property({"key": "email", "value": used["email"]}, mutations))
    if "search" in used:
        conditions.append(_search(used["search"], mutations))
    if "properties" in used:
        conditions.extend(_properties(used["properties"], mutations))
    if not conditions:
        return None
    predicates = [condition.predicate for condition in conditions]
    known = [condition.candidates for condition in conditions if condition.candidates is not None]
    return PersonFilter(
        name=repr(sorted(used.items())) if all(condition.timeless for condition in conditions) else None,
        predicate=predicates[0]
        if len(predicates) == 1
        else lambda key: all(predicate(key) for predicate in predicates),
        candidates=frozenset.intersection(*known) if known else None,
    )


def _distinct_id(distinct_id: str, mutations: Mutations) -> _Condition:
    owner = mutations.store.key_of_distinct_id(distinct_id)
    candidates = frozenset(() if owner is None else (owner,))
    return _Condition(lambda key: distinct_id in mutations.store.distinct_ids(key), candidates)


def _search(text: str, mutations: Mutations) -> _Condition:
    wanted = text.casefold()
    store, table = mutations.store, mutations.table

    def matches(key: int) -> bool:
        for name in ("email", "name"):
            value = text_of(mutations.listing.value(key, name))
            if value is not None and wanted in value.casefold():
                return True
        if wanted in table.text(key):
            return True
        return any(wanted in distinct_id.casefold() for distinct_id in store.distinct_ids(key))

    return _Condition(matches)


def _properties(text: str, mutations: Mutations) -> list[_Condition]:
    try:
        filters = msgspec.json.decode(text)
    except msgspec.DecodeError:
        raise envelope.invalid("Properties are unparsable!") from None
    # The server loops over an array and reads `type` of each item: anything else is an unhandled error there.
    if not isinstance(filters, list) or not all(isinstance(one, dict) and "type" in one for one in filters):
        raise envelope.server_error()
    return [_cohort(one, mutations) if one["type"] == "cohort" else _typed(one, mutations) for one in filters]


def _typed(wanted: dict[str, Any], mutations: Mutations) -> _Condition:
    if wanted["type"] != "person" or not isinstance(wanted.get("key"), str):
        raise envelope.invalid("This property filter is not supported.")
    return _property(wanted, mutations)


def _property(wanted: dict[str, Any], mutations: Mutations) -> _Condition:
    key_name: str = wanted["key"]
    operator = wanted.get("operator") or "exact"
    value = wanted.get("value")
    try:
        test, timed = compile_operator(operator, value, lambda: datetime.fromtimestamp(mutations.clock(), UTC))
    except BadFilter as bad:
        raise envelope.invalid(str(bad)) from None
    read = mutations.listing.value
    candidates = _with_email(value, mutations) if operator == "exact" and key_name == "email" else None
    return _Condition(lambda key: test(read(key, key_name)), candidates, not timed)


def _with_email(value: Any, mutations: Mutations) -> frozenset[int]:
    """Return all persons that can have one of these emails: a seeded email names its person."""
    emails = value if isinstance(value, list) else [value]
    seeded = (mutations.seeding.number_by_email(email) for email in emails if isinstance(email, str))
    return frozenset(key for key in seeded if key is not None) | frozenset(mutations.store.keys_with_other_email())


def _cohort(wanted: dict[str, Any], mutations: Mutations) -> _Condition:
    try:
        cohort_id = int(wanted["value"])
        members = mutations.cohorts[cohort_id]
    except (KeyError, TypeError, ValueError):
        raise envelope.invalid("Could not find this cohort.") from None
    if wanted.get("operator") in ("not_in", "is_not"):
        return _Condition(lambda key: key not in members)
    return _Condition(members.__contains__, members)
