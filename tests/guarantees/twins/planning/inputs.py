"""Mistakes in reading input files and accounting for their lines: guarantees 11 and 33 to 35."""

from twin import Twin, twin

_EMAILS = "bulk/selection/lookups/test_email_match.py::test_"
_TABLE = "bulk/cli/inputs/test_input_table.py::test_"
_EXPECTED = "bulk/cli/flows/test_expect_unmatched.py::test_"
_FORMATS = "bulk/selection/inputs/test_formats.py::test_"
_OWN = "integration/properties/test_properties_per_person.py::test_"

INPUTS: tuple[Twin, ...] = (
    twin(
        11,
        "a line is unmatched because one response leaves its person out",
        "bulk/plan/planner/test_planner_reads.py::test_a_line_that_one_response_leaves_out_is_found_by_a_second_lookup[drop_all-emails]",
        "bulk/selection/line_resolver.py",
        "self._is_second_lookup and not each",
        "True",
    ),
    twin(
        11,
        "a row of a listing that lacks properties proves that its person has none",
        "bulk/plan/planner/test_planner_reads.py::test_an_unset_by_filter_keeps_persons_whose_row_has_no_property",
        "bulk/selection/filter_resolver.py",
        "            if not person.properties:",
        "            if False:",
    ),
    twin(
        21,
        "lines that are expected to match no person never count as covered",
        _EXPECTED + "the_state_in_words_in_json_and_as_exit_code",
        "bulk/selection/inputs/coverage.py",
        " + self.repeated - self.expected",
        " + self.repeated",
    ),
    twin(
        33,
        "an email selects persons in another case although nobody asked",
        "bulk/plan/planner/make_plan/test_planner_groups.py::test_an_email_in_another_case_is_selected_only_on_request",
        "bulk/selection/lookups/email_match.py",
        "        return [email for email in same if email == value]",
        "        return same",
    ),
    twin(
        33,
        "a line that a wider match finds has no count",
        _EMAILS + "distinct_ids_that_would_match_without_quotes_are_counted_and_not_selected",
        "bulk/selection/line_resolver.py",
        "self._findings.add_wider_match(line.number, persons)",
        "pass",
    ),
    twin(
        33,
        "a line that repeats one without a person counts as covered",
        _TABLE + "a_file_leads_to_its_review_verdict_and_exit_code[lines that repeat others]",
        "bulk/selection/line_resolver.py",
        "            self._findings.add_repeated_not_covered(number, first)",
        "            pass",
    ),
    twin(
        33,
        "rows of a CSV file after a quote in the name of a column are skipped",
        "bulk/selection/test_id_files.py::test_a_damaged_csv_file_is_an_error_with_the_place",
        "bulk/selection/inputs/csv_cells.py",
        "        return None if others else [cell",
        "        return [cell",
    ),
    twin(
        33,
        "half a gzip file is taken for a whole one",
        _FORMATS + "a_file_that_cannot_be_read_is_refused_with_what_to_do",
        "bulk/selection/inputs/decoding.py",
        "    if not inflate.eof:",
        "    if False:",
    ),
    twin(
        33,
        "a cell is kept however long it is",
        _FORMATS + "memory_grows_neither_with_a_cell_nor_with_how_well_a_file_is_compressed",
        "bulk/selection/inputs/csv_cells.py",
        "if self._column == self._index and len(self._kept) <= self._limit:",
        "if True:",
    ),
    twin(
        33,
        "a line of a selected and a protected person has no outcome",
        "bulk/plan/test_protected_persons.py::test_a_line_of_a_selected_and_a_protected_person_has_an_outcome",
        "bulk/selection/line_resolver.py",
        "elif not kept:",
        "elif False:",
    ),
    twin(
        33,
        "an email whose listing fails matches no person",
        "bulk/plan/planner/test_planner_narrowing.py::test_the_line_for_which_the_server_fails_is_named_and_the_others_are_read[504-emails-planned]",
        "bulk/selection/lookups/email_lookup.py",
        "unread[email] = isinstance(result, Unread)",
        "unread[email] = False",
    ),
    twin(
        34,
        "a row without a day of receipt is accepted",
        "bulk/selection/inputs/test_request_rows.py::test_a_row_that_cannot_be_used_is_refused_by_its_line",
        "bulk/selection/inputs/request_rows.py",
        "    if day is None:\n        return RefusedRequest(number, Reason.NOT_A_DATE, request)\n",
        "",
    ),
    twin(
        35,
        "the first of two rows of one ID wins",
        _OWN + "two_rows_of_one_person_are_refused_by_line_unless_they_are_equal",
        "bulk/selection/line_resolver.py",
        "            self._conflicts.add_lines(usable)\n",
        "            self._conflicts.add_lines(usable[:0])\n",
    ),
    twin(
        35,
        "the first of two rows of one person wins",
        _OWN + "two_rows_of_one_person_are_refused_by_line_unless_they_are_equal",
        "bulk/selection/line_resolver.py",
        "                self._conflicts.add_persons(line, persons)\n",
        "                self._conflicts.add_persons(line, persons[:0])\n",
    ),
    twin(
        33,
        "two UUIDs on one line are two lines",
        "bulk/selection/inputs/test_block_check.py::test_two_uuids_on_one_line_are_no_two_lines",
        "bulk/selection/inputs/line_checks.py",
        "if len(uuids) == len(lines) and msgspec",
        "if msgspec",
    ),
)
