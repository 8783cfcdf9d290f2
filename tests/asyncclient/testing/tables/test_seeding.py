"""Seeded persons: deterministic, and with the expected shares."""

from collections import Counter
from datetime import UTC, datetime, timedelta, timezone

from hypothesis import given
from hypothesis import strategies as st

from asyncclient.testing.tables.person import as_datetime, as_us, day, iso
from asyncclient.testing.tables.seeding import MISSING, Seeding


def seeding(persons=10_000, seed=1):
    return Seeding(project_id=1, persons=persons, seed=seed)


def test_the_same_seed_gives_the_same_persons_whatever_their_number():
    small, large = seeding(100), seeding(10_000)
    assert [small.record(n) for n in range(100)] == [large.record(n) for n in range(100)]
    other = seeding(100, seed=2)
    assert [small.record(n) for n in range(100)] != [other.record(n) for n in range(100)]
    assert list(small.raws()) == list(other.raws())


def test_shares_are_about_as_promised():
    people = [seeding().record(n) for n in range(10_000)]
    plans = Counter(person.properties["plan"] for person in people)
    assert 5_700 < plans["free"] < 6_300
    assert 2_700 < plans["pro"] < 3_300
    assert 800 < plans["enterprise"] < 1_200
    assert 300 < sum("email" not in person.properties for person in people) < 700
    assert 700 < sum("name" not in person.properties for person in people) < 1_300
    assert 1_000 < sum(not person.is_identified for person in people) < 1_500
    assert Counter(len(person.distinct_ids) for person in people) == {1: 8000, 2: 1000, 3: 990, 12: 10}


def test_one_property_has_the_same_value_as_among_all():
    seeds = seeding()
    for number in range(500):
        properties = seeds.record(number).properties
        assert properties == seeds.properties(number)
        for key in ("email", "name", "plan", "country", "signup_date", "logins", "newsletter", "other"):
            assert seeds.value(number, key) == properties.get(key, MISSING)


def test_events_happen_after_the_creation_of_their_person():
    seeds = seeding()
    times = [seeds.event_times_us(number) for number in range(10_000)]
    assert {len(each) for each in times} == {0, 1, 2, 3}
    assert all(seeds.created_us(number) <= at for number, each in enumerate(times) for at in each)
    assert all(seeds.is_identified(number) is seeds.record(number).is_identified for number in range(1_000))


def test_later_numbers_are_newer_with_some_ties():
    seeds = seeding(997)
    created = [seeds.created_us(number) for number in range(997)]
    assert created == sorted(created)
    assert len(set(created)) < 997
    for number in range(997):
        assert list(seeds.tied(number)) == [n for n in range(997) if created[n] == created[number]]


def test_a_distinct_id_or_an_email_leads_back_to_its_person_only():
    seeds = seeding(2_000)
    for number in (0, 5, 7, 137, 1_137, 1_999):
        record = seeds.record(number)
        assert {seeds.number_of(distinct_id) for distinct_id in record.distinct_ids} == {number}
        assert seeds.number_by_email(f"user{number}@example.com") == number
    for stranger in ("user-2000", "user-01", "user-5-device-2", "user-6-device-1", "USER-1", "user-", "user-١"):
        assert seeds.number_of(stranger) is None
    for stranger in ("user2000@example.com", "user01@example.com", "User1@example.com"):
        assert seeds.number_by_email(stranger) is None


@given(st.integers(631_152_000_000_000, 4_102_444_800_000_000))
def test_times_are_spelt_as_iso_in_utc(since_epoch_us):
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=since_epoch_us)
    us = as_us(moment)
    assert as_datetime(us) == moment
    assert iso(us) == moment.isoformat().replace("+00:00", "Z")
    assert day(us) == moment.date().isoformat()
    assert us == since_epoch_us
    assert as_us(moment.replace(tzinfo=None)) == as_us(moment.isoformat()) == us
    assert as_us(moment.astimezone(timezone(timedelta(hours=5, minutes=30)))) == us
