"""Expressions of --where: the filters they mean, and errors that point at the wrong word."""

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from asyncclient import OPERATORS, PropertyFilter
from bulk.selection.filter_expression import WITH_LIST, WITHOUT_VALUE, WhereError, format_where, parse_where


def parts(expression: str) -> tuple[str, str, object]:
    found = parse_where(expression)
    value = list(found.value) if isinstance(found.value, tuple) else found.value
    return found.key, str(found.operator), value


@pytest.mark.parametrize(
    ("expression", "key", "operator", "value"),
    [
        ("plan exact free", "plan", "exact", "free"),
        ("email icontains @example.com", "email", "icontains", "@example.com"),
        ("age gt 30", "age", "gt", 30),
        ("score lt -1.5", "score", "lt", -1.5),
        ("vip exact true", "vip", "exact", True),
        ("vip is_not false", "vip", "is_not", False),
        ("email is_set", "email", "is_set", None),
        ("  email   is_not_set  ", "email", "is_not_set", None),
        ('"first name" exact "Jo Ann"', "first name", "exact", "Jo Ann"),
        ("'first name' exact 'Jo \"A\" O\\'Neil'", "first name", "exact", 'Jo "A" O\'Neil'),
        ('age exact "30"', "age", "exact", "30"),
        ('plan exact ["free", "trial", 3]', "plan", "exact", ["free", "trial", 3]),
        ('plan not_in ["a"]', "plan", "not_in", ["a"]),
        ("zip exact 01234", "zip", "exact", "01234"),
        ("version exact 1.10", "version", "exact", "1.10"),
        ("big exact 90071992547409930", "big", "exact", "90071992547409930"),
        ("x exact NaN", "x", "exact", "NaN"),
        ("x exact 1e999", "x", "exact", "1e999"),
        ("name regex ^a.*\\d$", "name", "regex", "^a.*\\d$"),
        ("name regex [ab]+", "name", "regex", "[ab]+"),
        ("name not_regex [0]", "name", "not_regex", "[0]"),
        ("$geoip_city_name exact Zürich", "$geoip_city_name", "exact", "Zürich"),
        ("signed_up is_date_before 2024-01-01", "signed_up", "is_date_before", "2024-01-01"),
        ("a/b=c exact x", "a/b=c", "exact", "x"),
        ('x exact ""', "x", "exact", ""),
    ],
)
def test_an_expression_means_one_filter(expression: str, key: str, operator: str, value: object) -> None:
    assert parts(expression) == (key, operator, value)
    assert type(parts(expression)[2]) is type(value)


@pytest.mark.parametrize("operator", OPERATORS)
def test_every_operator_is_accepted(operator: str) -> None:
    expression = f"key {operator}" if operator in WITHOUT_VALUE else f"key {operator} x"
    assert parts(expression)[1] == operator


@pytest.mark.parametrize(
    ("expression", "pointed", "words"),
    [
        ("", "", "the property name is missing"),
        ("plan", "", "the operator is missing"),
        ("plan exact", "", "exact needs a value"),
        ("plan contain free", "contain", "did you mean icontains?"),
        ("plan = free", "=", "did you mean exact?"),
        ("plan EXACT free", "EXACT", "did you mean exact?"),
        ("plan exakt free", "exakt", "did you mean exact?"),
        ("plan 'exact' free", "'exact'", "unknown operator"),
        ("plan exact very free", "free", "quote a value"),
        ("age gt 30 and plan exact free", "and plan exact free", "quote a value"),
        ("email is_set true", "true", "takes no value"),
        ("plan exact null", "null", "null is not a value"),
        ('plan exact "free', '"free', "closing"),
        ('plan exact "a"b', "b", "space is missing"),
        ('plan exact ["a"', '["a"', "JSON"),
        ('plan exact ["a"] b', "b", "the condition ends"),
        ("plan exact []", "[]", "empty"),
        ("plan exact [null]", "[null]", "text, numbers"),
        ("plan exact [[1]]", "[[1]]", "text, numbers"),
        ('plan gt ["a"]', '["a"]', "takes one value"),
        ("plan exact {}", "{}", "bracket"),
        ('"" exact x', '""', "must not be empty"),
        ('plan exact "\\x"', '"\\x"', "backslash"),
    ],
)
def test_an_error_points_at_the_wrong_word(expression: str, pointed: str, words: str) -> None:
    with pytest.raises(WhereError, match=words.replace("?", r"\?")) as caught:
        parse_where(expression)
    error = caught.value
    assert expression[error.start : error.stop] == pointed
    shown, carets = error.pointer.split("\n")
    assert shown == expression
    assert carets == " " * error.start + "^" * max(1, len(pointed))


def test_the_error_of_an_unknown_operator_lists_the_operators() -> None:
    with pytest.raises(WhereError) as caught:
        parse_where("plan zzz free")
    assert all(operator in str(caught.value) for operator in OPERATORS)


@pytest.mark.parametrize("expression", ["email zzz jane@x.org", 'email exact "jane@x.org', "email gt [1]", ""])
def test_the_message_of_an_error_holds_nothing_of_the_expression(expression: str) -> None:
    with pytest.raises(WhereError) as caught:
        parse_where(expression)
    assert "jane" not in str(caught.value)


def test_a_pointer_shows_each_control_character_as_one_position() -> None:
    with pytest.raises(WhereError) as caught:
        parse_where("a\x1b[31m zzz x")
    shown, carets = caught.value.pointer.split("\n")
    assert "\x1b" not in shown
    assert carets.index("^") == shown.index("zzz")


TEXT = st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=20)
SCALAR = st.one_of(
    TEXT,
    st.booleans(),
    st.integers(-(2**53), 2**53),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from(["null", "true", "30", "-0", "[", "{}", "'", '"', "\\", " ", "is_set"]),
)


@st.composite
def filters(draw: st.DrawFn) -> PropertyFilter:
    key = draw(TEXT.filter(bool))
    operator = draw(st.sampled_from(OPERATORS))
    if operator in WITHOUT_VALUE:
        return PropertyFilter(key, operator=operator)
    values = st.one_of(SCALAR, st.lists(SCALAR, min_size=1, max_size=4)) if operator in WITH_LIST else SCALAR
    return PropertyFilter(key, draw(values), operator=operator)


@given(filters())
@example(PropertyFilter("null", "null"))
@example(PropertyFilter("true", "true"))
@example(PropertyFilter("30", "30"))
def test_a_formatted_filter_is_parsed_back_to_itself(condition: PropertyFilter) -> None:
    again = parse_where(format_where(condition))
    assert (again.key, again.operator, again.type) == (condition.key, condition.operator, "person")
    written, read = (
        json.dumps(list(one.value) if isinstance(one.value, tuple) else one.value) for one in (condition, again)
    )
    assert read == written


@given(st.text(max_size=40))
def test_any_text_is_a_filter_or_an_error_with_a_position(expression: str) -> None:
    try:
        found = format_where(parse_where(expression))
    except WhereError as error:
        place = (error.start, error.stop)
    else:
        assert parse_where(found) == parse_where(expression)
        return
    assert 0 <= place[0] <= len(expression)
    assert place[0] < place[1] <= len(expression) + 1
