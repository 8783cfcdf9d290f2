"""Why a line matched no person: one likely cause per line, and what the line may mean."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bulk.selection.inputs.causes import Cause, cleaned, likely_cause, visible
from bulk.selection.inputs.line_checks import Kind

ID, EMAIL = Kind.DISTINCT_ID, Kind.EMAIL
PERSON = "018f5a3e-1111-7222-8333-444455556666"


@pytest.mark.parametrize(
    ("value", "kind", "cause"),
    [
        (" u1", ID, Cause.WHITESPACE),
        ("u1\u00a0", ID, Cause.WHITESPACE),
        ("a@example.com ", EMAIL, Cause.WHITESPACE),
        ('"u1"', ID, Cause.QUOTES),
        ("\u201cu1\u201d", ID, Cause.QUOTES),
        ("'a@example.com'", EMAIL, Cause.QUOTES),
        ('="007"', ID, Cause.QUOTES),
        ('="', ID, Cause.NONE),
        ("u1;Ann", ID, Cause.SEPARATOR),
        ("u1,Ann", ID, Cause.SEPARATOR),
        ("a@example.com;Ann", EMAIL, Cause.SEPARATOR),
        ("u\u200b1", ID, Cause.INVISIBLE),
        ("u1\ufeff", ID, Cause.INVISIBLE),
        ("Ame\u0301lie", ID, Cause.DECOMPOSED),
        ("ame\u0301lie@example.com", EMAIL, Cause.DECOMPOSED),
        ("\u1112\u1161\u11ab", ID, Cause.DECOMPOSED),
        ("Ame\u0301\u200blie", ID, Cause.INVISIBLE),
        ("\u212b", ID, Cause.INVISIBLE),
        ("Ann\u00a0Lee", ID, Cause.INVISIBLE),
        ("u\u20281", ID, Cause.INVISIBLE),
        ("u1\ufe0f", ID, Cause.INVISIBLE),
        ("1.23457E+11", ID, Cause.SPREADSHEET),
        ("1,23457E+11", ID, Cause.SPREADSHEET),
        ("1,2e5", ID, Cause.SEPARATOR),
        ("123", ID, Cause.SPREADSHEET),
        ("123.0", ID, Cause.SPREADSHEET),
        ("a@example.com", ID, Cause.EMAIL),
        ("a@example.com", EMAIL, Cause.NONE),
        (PERSON, ID, Cause.UUID),
        (PERSON.replace("-", "").upper(), ID, Cause.UUID),
        (PERSON, Kind.PERSON_ID, Cause.NONE),
        ("u1", ID, Cause.NONE),
        ("user 1", ID, Cause.NONE),
        ("user-1|x", ID, Cause.SEPARATOR),
        ("123|Ann|Lee", ID, Cause.SEPARATOR),
        ("ann@example.com|Ann", ID, Cause.SEPARATOR),
        ("ann@example.com|Ann", EMAIL, Cause.SEPARATOR),
        ("auth0|5f7c8ec7", ID, Cause.NONE),
        ("google-oauth2|1234", ID, Cause.NONE),
        ("oauth2|line|U12", ID, Cause.NONE),
        ("samlp|acme|ann", ID, Cause.NONE),
        ("Amélie", ID, Cause.NONE),
        ('"', ID, Cause.NONE),
    ],
)
def test_the_likely_cause_of_a_line_without_a_person(value: str, kind: Kind, cause: Cause) -> None:
    assert likely_cause(value, kind) is cause


@pytest.mark.parametrize(
    "value", [" u1", '"u1"', "' u1 '", "u\u200b1", "\ufeffu1", "\u201cu1\u201d", '="u1"', "u\u20281", "u1\ufe0f", "u1"]
)
def test_a_line_loses_its_byte_order_mark_and_blanks(value: str) -> None:
    assert cleaned(value) == "u1"


@given(st.text(max_size=20))
def test_sanitizing_a_sanitized_text_changes_nothing(value: str) -> None:
    assert visible(visible(value)) == visible(value)
    assert cleaned(cleaned(value)) == cleaned(value)
