"""A selection's summary, details and description."""

import io
import json
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from asyncclient import PropertyFilter
from bulk.errors import InputError
from bulk.selection.selections import ByDistinctIds, ByEmails, ByFilter, ByPersonIds, ByRequests, Selection, describe

SECRET = "jane@example.com"


@pytest.mark.parametrize(
    ("selection", "kind", "source"),
    [
        (ByDistinctIds(f"/home/{SECRET}/ids.txt"), "distinct_ids", "file"),
        (ByDistinctIds(Path(SECRET), column=SECRET), "distinct_ids", "file"),
        (ByDistinctIds([SECRET], allow_shared_ids=True), "distinct_ids", "values"),
        (ByPersonIds(io.BytesIO(SECRET.encode())), "person_ids", "stream"),
        (ByPersonIds([uuid4()]), "person_ids", "values"),
        (ByEmails({SECRET}), "emails", "values"),
    ],
)
def test_the_summary_of_an_input_holds_its_kind_and_no_file_or_value(
    selection: Selection, kind: str, source: str
) -> None:
    summary = selection.summary()
    assert (summary["kind"], summary["input"]) == (kind, source)
    assert SECRET not in json.dumps(summary)


def test_the_summary_of_a_filter_holds_keys_and_operators_and_no_values() -> None:
    selection = ByFilter(
        properties=(
            PropertyFilter("nickname", SECRET, operator="icontains"),
            PropertyFilter("id", 7711, type="cohort"),
        ),
        email=SECRET,
    )
    summary = selection.summary()
    name, cohort = summary["filters"]
    assert (name["key"], name["operator"]) == ("nickname", "icontains")
    assert cohort["type"] == "cohort"
    assert summary["email"] is True
    assert SECRET not in json.dumps(summary)
    assert "7711" not in json.dumps(summary)
    assert SECRET in json.dumps(selection.details())


@pytest.mark.parametrize("selection", [ByDistinctIds, ByPersonIds, ByEmails, ByRequests])
@pytest.mark.parametrize(
    ("source", "words"),
    [
        (None, "has type NoneType"),
        (7, "has type int"),
        (b"user-1", "has type bytes"),
        (io.StringIO("user-1\n"), "a text stream: open the file in binary mode"),
    ],
)
def test_a_source_that_cannot_be_read_is_refused_at_once(selection: Any, source: Any, words: str) -> None:
    with pytest.raises(InputError, match=words):
        selection(source)


def test_details_name_the_file_and_the_column() -> None:
    details = ByEmails("/tmp/people.csv", column="mail").details()
    assert (details["file"], details["column"], details["layout"]) == ("people.csv", "mail", "csv")


def test_a_filter_without_conditions_is_empty_unless_everyone_is_set() -> None:
    assert ByFilter().is_empty
    assert not ByFilter(everyone=True).is_empty
    assert not ByFilter(email=SECRET).is_empty
    assert not ByFilter(properties=(PropertyFilter("plan", "free"),)).is_empty


def test_everyone_beside_a_filter_selects_no_more_than_the_filter() -> None:
    selection = ByFilter(email=SECRET, everyone=True)
    assert not selection.is_unfiltered
    assert describe(selection.details()) == f"persons where email exact {SECRET}"
    assert ByFilter(everyone=True).is_unfiltered


def test_a_cohort_cannot_be_selected_with_not_in() -> None:
    with pytest.raises(InputError, match="only be selected with the operator in, not with not_in"):
        ByFilter(properties=(PropertyFilter("id", 7, operator="not_in", type="cohort"),))


@pytest.mark.parametrize("email", ["a\ud800@b", "a@\udcffb"])
def test_an_email_that_cannot_be_sent_is_refused(email: str) -> None:
    with pytest.raises(InputError, match="is not valid text"):
        ByFilter(email=email)


def test_a_blank_email_is_refused() -> None:
    with pytest.raises(InputError, match="blank"):
        ByFilter(email=" ")


@pytest.mark.parametrize(
    ("selection", "words"),
    [
        (ByDistinctIds(["a"]), "persons listed by distinct ID"),
        (ByDistinctIds(["a"], allow_shared_ids=True), "persons listed by distinct ID, including placeholder IDs"),
        (ByPersonIds(["a"]), "persons listed by UUID"),
        (ByEmails(["a"]), "persons listed by email"),
        (ByFilter(everyone=True), "every person of the project"),
        (
            ByFilter(
                properties=(
                    PropertyFilter("plan", "free"),
                    PropertyFilter("email", "is_set", operator="is_set"),
                    PropertyFilter("id", 3, type="cohort"),
                )
            ),
            "persons in a cohort where plan exact (value in the plan) and email is_set",
        ),
    ],
)
def test_a_summary_is_described_without_values(selection: Selection, words: str) -> None:
    assert describe(selection.summary()) == words


@pytest.mark.parametrize(
    ("selection", "words"),
    [
        (ByDistinctIds("some/leavers.txt"), "persons listed in leavers.txt (by distinct ID)"),
        (ByFilter(properties=(PropertyFilter("plan", "free"),)), "persons where plan exact free"),
        (
            ByFilter(properties=(PropertyFilter("age", [1, 2]), PropertyFilter("email", operator="is_set"))),
            "persons where age exact 1 or 2 and email is_set",
        ),
        (ByFilter(email="a@example.com"), "persons where email exact a@example.com"),
        (ByFilter(properties=(PropertyFilter("id", 7, type="cohort"),)), "persons in cohort 7"),
    ],
)
def test_details_are_described_with_file_and_values(selection: Selection, words: str) -> None:
    assert describe(selection.details()) == words


@pytest.mark.parametrize("properties", [PropertyFilter("plan", "free"), "plan", [None], [{"key": "plan"}], 7])
def test_filters_must_be_a_list(properties: Any) -> None:
    with pytest.raises(ValueError, match="takes a list of PropertyFilter"):
        ByFilter(properties=properties)
    assert ByFilter(properties=[PropertyFilter("plan", "free")]).summary() == (
        ByFilter(properties=(PropertyFilter("plan", "free"),)).summary()
    )
