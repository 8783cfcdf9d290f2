"""PropertyFilter: one condition on a property of persons, checked before anything is sent (contract 6.1). Pure."""

import math
from collections.abc import Sequence
from typing import Any, Literal, get_args

import msgspec

from asyncclient.errors import InvalidArgument, shown

Scalar = str | int | float | bool
Value = Scalar | Sequence[Scalar]
"""The value that a property is compared with: one, or several."""

Operator = Literal[
    "exact",
    "is_not",
    "icontains",
    "not_icontains",
    "starts_with",
    "not_starts_with",
    "ends_with",
    "not_ends_with",
    "regex",
    "not_regex",
    "gt",
    "gte",
    "lt",
    "lte",
    "in",
    "not_in",
    "is_date_exact",
    "is_date_before",
    "is_date_after",
    "is_set",
    "is_not_set",
]
"""The operators of the listing (contract 6.1)."""
FilterType = Literal["person", "cohort"]
"""What a filter tests: a property of the person, or whether the person is in a cohort."""

OPERATORS: tuple[Operator, ...] = get_args(Operator)
"""Every `Operator`."""
COHORT_OPERATORS: tuple[Operator, ...] = ("exact", "in", "not_in")
"""The operators for cohorts; `exact` means `in`."""
TYPES = frozenset({"person", "cohort"})
EXISTENCE = frozenset({"is_set", "is_not_set"})
NEEDING_PROPERTY: frozenset[Operator] = frozenset(
    {
        *("exact", "icontains", "starts_with", "ends_with", "regex", "gt", "gte", "lt", "lte", "in"),
        *("is_date_exact", "is_date_before", "is_date_after", "is_set"),
    }
)
"""The operators that no person without the property meets."""
NEGATIVE_OPERATORS: frozenset[Operator] = frozenset(OPERATORS) - NEEDING_PROPERTY
"""The operators that persons without the property meet; an operator that is not known to need it counts as one."""


class PropertyFilter(msgspec.Struct, frozen=True):
    """One condition on persons; several conditions must all hold.

    Arguments:
        key: name of the property; "id" for a cohort.
        value: compared with the property; left out for `is_set` and `is_not_set`. With `exact` a list matches any of
            its members. For a cohort, its number.
        operator: one of `OPERATORS`; for a cohort "in" or "not_in".
        type: "person" for a property, "cohort" for the members of a cohort.

    Raises:
        InvalidArgument: an argument cannot be used.
    """

    key: str
    value: Value | None = None
    operator: Operator = msgspec.field(default="exact")
    type: FilterType = "person"

    def __post_init__(self) -> None:
        if not isinstance(self.key, str) or not self.key:
            raise InvalidArgument(f"property key {shown(self.key)} is not a string of at least one character")
        if not isinstance(self.operator, str) or self.operator not in OPERATORS:
            raise InvalidArgument(f"operator {shown(self.operator)} is not one of {', '.join(OPERATORS)}")
        if not isinstance(self.type, str) or self.type not in TYPES:
            raise InvalidArgument(f"filter type {shown(self.type)} is not one of {', '.join(sorted(TYPES))}")
        if self.type == "cohort" and self.operator not in COHORT_OPERATORS:
            raise InvalidArgument(f"operator {self.operator!r} does not apply to cohorts: give in or not_in")
        if self.value is None and self.operator not in EXISTENCE:
            raise InvalidArgument(f"operator {self.operator!r} needs a value")
        listed = _is_list(self.value)
        if listed and not self.value:
            raise InvalidArgument(f"the list of values for {shown(self.key)} is empty")
        for each in self.value if listed else [self.value]:  # type: ignore[union-attr]
            _check(each, self.key, may_be_none=not listed)
        try:
            self.key.encode()
        except UnicodeEncodeError:
            raise InvalidArgument(f"property key {shown(self.key)} is not valid Unicode") from None

    def to_wire(self) -> dict[str, Any]:
        """Return the filter as the server reads it.

        `is_set` and `is_not_set` repeat the operator as their value, and cohorts have `in` or `not_in` (contract 6.1).

        Returns:
            Key, value, type and operator, to be encoded as JSON.
        """
        value: Any = self.operator if self.operator in EXISTENCE else self.value
        if _is_list(value):
            value = list(value)
        operator = "in" if self.type == "cohort" and self.operator == "exact" else self.operator
        return {"key": self.key, "value": value, "type": self.type, "operator": operator}


def _is_list(value: object) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str | bytes | bytearray)


def _check(value: object, key: str, *, may_be_none: bool) -> None:
    """Refuse values that JSON cannot express: NaN, for example, would be sent as null, which is another filter."""
    good = isinstance(value, str | bool) or (value is None and may_be_none)
    if isinstance(value, int):
        good = -(2**63) <= value < 2**63
    elif isinstance(value, float):
        good = math.isfinite(value)
    elif isinstance(value, str):
        good = value.isascii() or not any("\ud800" <= c <= "\udfff" for c in value)
    if not good:
        raise InvalidArgument(f"the value {shown(value)} for {shown(key)} is not a string, a number, True or False")
