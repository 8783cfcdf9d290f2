"""Property filters in PostHog's JSON format are checked before they are sent."""

import json

import pytest

from bulk.errors import InputError
from bulk.selection.filter_json import parse_properties


def test_entries_become_filters_with_default_operator_and_type() -> None:
    found = parse_properties(
        json.dumps(
            [
                {"key": "plan", "value": ["free", 3], "operator": "exact", "type": "person"},
                {"key": "age", "value": 30},
                {"key": "email", "operator": "is_set", "value": "is_set", "type": "person"},
                {"key": "id", "value": 7, "type": "cohort"},
            ]
        )
    )
    assert [(one.key, one.operator, one.type) for one in found] == [
        ("plan", "exact", "person"),
        ("age", "exact", "person"),
        ("email", "is_set", "person"),
        ("id", "exact", "cohort"),
    ]
    assert list(found[0].value) == ["free", 3]
    assert found[1].value == 30
    assert found[3].value == 7


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "not valid JSON"),
        ("[", "not valid JSON"),
        ("{}", "not a JSON array"),
        ("[]", "selects every person"),
        ('["a"]', "filter 1 is not an object"),
        ('[{"key": "a", "value": 1}, {"value": 1}]', "filter 2 has no key"),
        ('[{"key": "a", "value": 1, "op": "x"}]', "unknown field 'op'"),
        ('[{"key": "a", "value": 1, "operator": "zzz"}]', "unknown operator"),
        ('[{"key": "a", "value": 1, "operator": []}]', "unknown operator"),
        ('[{"key": "a", "value": 1, "type": "event"}]', "unknown type"),
        ('[{"key": "a"}]', "has no usable value"),
        ('[{"key": "a", "value": null}]', "has no usable value"),
        ('[{"key": "a", "value": []}]', "has no usable value"),
        ('[{"key": "a", "value": {"b": 1}}]', "has no usable value"),
        ('[{"key": "id", "value": "x", "type": "cohort"}]', "cohort's number"),
        ('[{"key": "id", "value": true, "type": "cohort"}]', "cohort's number"),
        ('[{"key": "id", "value": 1, "type": "cohort", "operator": "not_in"}]', "give it the operator in"),
        ("[" * 100_000, "not valid JSON"),
    ],
)
def test_an_unusable_filter_is_named_by_its_number(text: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        parse_properties(text)


def test_an_error_shows_no_value() -> None:
    with pytest.raises(InputError) as caught:
        parse_properties('[{"key": "email", "value": "jane@example.org", "operator": "zzz"}]')
    assert "jane" not in str(caught.value)
