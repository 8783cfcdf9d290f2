"""PropertyFilter: one condition on a person's property, checked before anything is sent (contract 6.1). Pure."""

import math
from typing import Any

import msgspec

from asyncclient.errors import InvalidArgument, shown

Value = str | int | float | bool | list[str | int | float | bool]

OPERATORS = (
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
)
"""What the server's listing knows (contract 6.1)."""
TYPES = frozenset({"person", "cohort"})
EXISTENCE = frozenset({"is_set", "is_not_set"})


class PropertyFilter(msgspec.Struct, frozen=True):
    """One condition. Several are ANDed; a list as value is an OR for `exact`.

    Arguments:
        key: the property's name; "id" for a cohort.
        value: what it is compared with; left out for `is_set` and `is_not_set`. A cohort's number.
        operator: one of `OPERATORS`.
        type: "person" or "cohort".

    Raises:
        InvalidArgument: a part cannot be used.
    """

    key: str
    value: Value | None = None
    operator: str = msgspec.field(default="exact")
    type: str = "person"

    def __post_init__(self) -> None:
        if not isinstance(self.key, str) or not self.key:
            raise InvalidArgument(f"property key {shown(self.key)} is not a text of at least one character")
        if not isinstance(self.operator, str) or self.operator not in OPERATORS:
            raise InvalidArgument(f"operator {shown(self.operator)} is none of {', '.join(OPERATORS)}")
        if not isinstance(self.type, str) or self.type not in TYPES:
            raise InvalidArgument(f"filter type {shown(self.type)} is none of {', '.join(sorted(TYPES))}")
        if self.value is None and self.operator not in EXISTENCE:
            raise InvalidArgument(f"operator {self.operator!r} needs a value")
        if isinstance(self.value, list | tuple) and not self.value:
            raise InvalidArgument(f"the list of values for {shown(self.key)} is empty")
        for each in self.value if isinstance(self.value, list | tuple) else [self.value]:
            _check(each, self.key)
        try:
            self.key.encode()
        except UnicodeEncodeError:
            raise InvalidArgument(f"property key {shown(self.key)} is not valid Unicode") from None

    def to_wire(self) -> dict[str, Any]:
        """The object that the server reads; existence filters carry their operator as value."""
        value = self.operator if self.operator in EXISTENCE else self.value
        wire = {"key": self.key, "value": value, "type": self.type}
        return wire if self.type == "cohort" else {**wire, "operator": self.operator}


def _check(value: object, key: str) -> None:
    """Refuse what JSON has no word for, or another word: NaN would be sent as null, a wrong filter."""
    good = value is None or isinstance(value, str | bool)
    if isinstance(value, int):
        good = -(2**63) <= value < 2**63
    elif isinstance(value, float):
        good = math.isfinite(value)
    elif isinstance(value, str):
        good = value.isascii() or not any("\ud800" <= c <= "\udfff" for c in value)
    if not good:
        raise InvalidArgument(f"the value {shown(value)} for {shown(key)} is no text, number, True or False")
