"""Selections by activity and by query: what they accept, the query they make, and what they say of themselves."""

import json
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asyncclient import PropertyFilter
from bulk import ByActivity, ByQuery
from bulk.errors import InputError
from bulk.formatting import count_of
from bulk.selection.conditions.moments import parse_moment, parse_since, resolve_since
from bulk.selection.conditions.query_text import bare_query
from bulk.selection.selections import describe

NOW = datetime(2026, 11, 29, 19, 42, 7, tzinfo=UTC)
SECRET = "jane@example.org"


@pytest.mark.parametrize(
    ("given_moment", "moment"),
    [
        ("2026-01-31", datetime(2026, 1, 31, tzinfo=UTC)),
        (date(2026, 1, 31), datetime(2026, 1, 31, tzinfo=UTC)),
        ("2026-01-31T12:30", datetime(2026, 1, 31, 12, 30, tzinfo=UTC)),
        ("2026-01-31T12:30:00Z", datetime(2026, 1, 31, 12, 30, tzinfo=UTC)),
        ("2026-01-31 12:30:00+02:00", datetime(2026, 1, 31, 10, 30, tzinfo=UTC)),
        (datetime(2026, 1, 31, 12, tzinfo=timezone(timedelta(hours=1))), datetime(2026, 1, 31, 11, tzinfo=UTC)),
    ],
)
def test_a_moment_is_a_time_in_utc(given_moment: Any, moment: datetime) -> None:
    assert parse_moment(given_moment, "it") == moment


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2026",
        "202601",
        "31.01.2026",
        "2026-02-30",
        "2026-W05",
        "2026-W05-1",
        "20260131T1200",
        "yesterday",
        "1969-12-31",
        "2101-01-01",
        "٢٠٢٦-٠١-٠١",
    ],
)
def test_other_text_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="it "):
        parse_moment(text, "it")
    with pytest.raises(InputError, match="it "):
        parse_since(text, "it")
    with pytest.raises(InputError, match="whole second"):
        parse_moment("2026-01-31T12:30:00.5", "it")


@pytest.mark.parametrize("days", ["0d", "-3d", "90", "90 d", "1.5d", "90D", "٩d", "123456d"])
def test_a_number_of_days_is_written_in_one_way(days: str) -> None:
    with pytest.raises(InputError, match="90d"):
        parse_since(days, "it")


def test_days_count_from_the_beginning_of_a_day() -> None:
    assert resolve_since(parse_since("90d", "it"), NOW) == datetime(2026, 8, 31, tzinfo=UTC)
    assert resolve_since(timedelta(days=90), NOW.replace(hour=0, minute=0)) == datetime(2026, 8, 31, tzinfo=UTC)
    for days in ("30000d", "99999d"):
        with pytest.raises(InputError, match="before the year 1970"):
            resolve_since(parse_since(days, "it"), datetime(2026, 1, 1, tzinfo=UTC))


def test_the_query_of_an_activity_has_no_value_in_its_text() -> None:
    selection = ByActivity(
        created_before="2026-01-31", created_after=date(2025, 1, 1), identified=False, inactive_since="90d"
    )
    query = selection.query()
    assert query == (
        "SELECT toString(id) FROM persons WHERE created_at < fromUnixTimestamp({created_before}) "
        "AND created_at >= fromUnixTimestamp({created_after}) AND id NOT IN (SELECT person_id FROM events "
        "WHERE timestamp >= fromUnixTimestamp({inactive_since})) AND is_identified = {identified} "
        "AND toString(id) > {posthog_bulk_after} ORDER BY toString(id)"
    )
    assert selection.query_values(NOW) == {
        "created_before": 1769817600,
        "created_after": 1735689600,
        "inactive_since": int(datetime(2026, 8, 31, tzinfo=UTC).timestamp()),
        "identified": False,
    }


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({}, "no condition"),
        ({"properties": [PropertyFilter("plan", "free")]}, "no condition"),
        ({"created_before": "2025-01-01", "created_after": "2025-01-01"}, "must be later than"),
        ({"created_before": 5}, "not a date"),
        ({"inactive_since": timedelta(hours=30)}, "whole number of days"),
        ({"inactive_since": timedelta(0)}, "whole number of days"),
        ({"identified": "no"}, "True, False or None"),
        ({"identified": True, "email": " "}, "blank"),
    ],
)
def test_an_invalid_activity_is_refused(fields: dict[str, Any], says: str) -> None:
    with pytest.raises(InputError, match=says):
        ByActivity(**fields)


def test_inactive_since_a_time_to_come_would_be_everyone_and_is_refused() -> None:
    with pytest.raises(InputError, match="in the future"):
        ByActivity(inactive_since="2026-11-30").query_values(NOW)


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("", "empty"),
        (" ; ", "empty"),
        (None, "empty"),
        ("DELETE FROM persons", "not a SELECT"),
        ("selected", "not a SELECT"),
        ("SELECT '\ud800'", "UTF-8"),
        ("SELECT " + "x" * 100_000, "at most 100,000"),
        ("-- nothing", "empty"),
        ("SELECT id FROM persons) UNION ALL (SELECT id FROM persons", "closes a parenthesis that it does not open"),
        ("SELECT id FROM persons WHERE id IN (SELECT person_id FROM events", "parenthesis .* is not closed"),
        ("SELECT id FROM persons WHERE properties.a = 'x", "a string in the query .* does not end"),
        ('SELECT id FROM persons WHERE properties."a = 1', "a quoted name in the query .* does not end"),
        ("SELECT id FROM persons /* all", "a comment in the query .* does not end"),
        ("SELECT id FROM persons; SELECT id FROM persons", "text after a semicolon"),
    ],
)
def test_text_that_is_no_query_is_refused(query: Any, says: str) -> None:
    with pytest.raises(InputError, match=says):
        ByQuery(query=query)


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("SELECT id FROM persons;", "SELECT id FROM persons"),
        (" SELECT id FROM persons -- all\n ; -- done", "SELECT id FROM persons"),
        ("SELECT id FROM persons; /* a ; b */\n;", "SELECT id FROM persons"),
        ("SELECT ';--(' AS id, \"a)\", `b;`", "SELECT ';--(' AS id, \"a)\", `b;`"),
        (r"SELECT 'it\'s ((', 'it''s ))'", r"SELECT 'it\'s ((', 'it''s ))'"),
        ("SELECT (1 - -2) / 3 -- )", "SELECT (1 - -2) / 3"),
    ],
)
def test_what_follows_the_end_of_a_query_is_left_out(query: str, text: str) -> None:
    assert ByQuery(query=query).text == text


@given(st.text(alphabet="SELECT ();'\"`-/*\n\\", max_size=30))
def test_a_query_that_is_accepted_changes_nothing_around_it(text: str) -> None:
    try:
        bare = bare_query(text)
    except InputError:
        return
    assert bare_query(f"({bare}\n)") == f"({bare}\n)"


@pytest.mark.parametrize(
    "query", ["select 1", "-- why\n SELECT id", "/* a */ SELECT id;", "WITH x AS (SELECT 1) SELECT 1", "(SELECT id)"]
)
def test_a_query_may_begin_with_comments_and_end_with_a_semicolon(query: str) -> None:
    assert not ByQuery(query=query).text.endswith(";")
    with pytest.raises(InputError, match="posthog_bulk_after"):
        ByQuery(query=query, values={"posthog_bulk_after": 1})


@pytest.mark.parametrize("values", [{"a": object()}, {1: "a"}, {"a": {"b": 1}}, {"a": float("nan")}, {"a": NOW}, [1]])
def test_values_that_cannot_be_sent_are_refused(values: Any) -> None:
    with pytest.raises(InputError, match="values takes"):
        ByQuery(query="SELECT id FROM persons WHERE created_at > {a}", values=values)
    assert ByQuery(query="SELECT 1", values={"a": [1, "x", None, 2.5, True]})


def test_only_the_plan_has_the_values() -> None:
    chosen = ByQuery(
        query=f"SELECT id FROM persons WHERE properties.email = '{SECRET}'",
        values={"a": SECRET},
        activity=ByActivity(inactive_since="2020-01-02"),
        properties=[PropertyFilter("email", SECRET)],
    )
    for more in ({"email": SECRET}, {"properties": [PropertyFilter("email", SECRET)]}):
        with pytest.raises(InputError, match="takes no filters"):
            ByQuery(query="SELECT 1", activity=ByActivity(inactive_since="2020-01-02", **more))  # type: ignore[arg-type]
    assert SECRET not in json.dumps(chosen.summary())
    assert "2020" not in json.dumps(chosen.summary())
    assert SECRET in json.dumps(chosen.details())
    assert describe(chosen.summary()) == (
        "persons without an event since (value in the plan) where email exact (value in the plan) "
        "that a HogQL query returns"
    )


@given(
    before=st.none() | st.dates(date(2000, 1, 2), date(2050, 1, 1)),
    identified=st.none() | st.booleans(),
    since=st.integers(1, 9999).map(lambda days: f"{days}d"),
)
def test_details_are_the_same_for_the_same_arguments(before: Any, identified: bool | None, since: str) -> None:
    first, second = (
        ByActivity(created_before=given_before, identified=identified, inactive_since=since)
        for given_before in (before, None if before is None else before.isoformat())
    )
    assert json.dumps(first.details()) == json.dumps(second.details())
    assert f"in the {count_of(int(since[:-1]), 'day')} before the plan" in describe(first.details())
