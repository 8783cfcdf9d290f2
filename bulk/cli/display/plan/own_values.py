"""The values that one person of a plan gets, as text; for plans in which each person gets its own. Pure."""

import json
from collections.abc import Iterator
from itertools import chain, repeat

from bulk.cli.display.plan.cost_lines import Row
from bulk.property_checks import DesiredProperties
from bulk.sanitize import plain

VALUE_MAX = 1_000
"""Characters shown of a value that an update sets."""


def own_values_cell(change: DesiredProperties) -> str:
    """Return the values that a person gets, and the properties that it loses, for the cell of a table."""
    parts = [f"{key}={_json(value)}" for key, value in (change.values | change.once).items()]
    return ", ".join([*parts, *(f"without {key}" for key in change.absent)])[:VALUE_MAX]


def own_value_rows(change: DesiredProperties) -> Iterator[Row]:
    """Yield the values that a person gets, and the properties that it loses, one row each."""
    for heading, texts in (
        ("Sets", [_assignment(key, value) for key, value in change.values.items()]),
        ("Sets if absent", [_assignment(key, value) for key, value in change.once.items()]),
        ("Removes", [plain(key) for key in change.absent]),
    ):
        yield from zip(chain((heading,), repeat("")), texts, strict=False)


def _assignment(key: str, value: object) -> str:
    return f"{plain(key)} = {plain(_json(value), limit=VALUE_MAX)}"


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
