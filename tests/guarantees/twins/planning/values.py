"""Mistakes in values per person: guarantees 11 and 35."""

from twin import Twin, twin

_CONFLICTS = "bulk/selection/values/row_conflicts.py"
_OWN = "integration/properties/test_properties_per_person.py::test_"

VALUES: tuple[Twin, ...] = (
    twin(
        35,
        "rows conflict although their values are equal",
        _OWN + "two_rows_of_one_person_are_refused_by_line_unless_they_are_equal",
        _CONFLICTS,
        "            if known != digest:\n",
        "            if first != row.number:\n",
    ),
    twin(
        35,
        "an empty cell sets an empty text",
        _OWN + "cells_of_csv_are_typed_and_an_empty_one_is_left_alone_nulled_or_unset",
        "bulk/selection/values/row_lines.py",
        "        if cells[at]:\n",
        '        if cells[at] or cell_type == "text":\n',
    ),
    twin(
        11,
        "a trial counts values that are set as properties to remove",
        "integration/test_values_key_lists.py::test_each_server_gets_as_few_calls_as_it_takes",
        "bulk/execution/unset/key_list_trial.py",
        "DesiredProperties(absent=check.desired[number].absent).unmet_keys(",
        "check.desired[number].unmet_keys(",
    ),
)
