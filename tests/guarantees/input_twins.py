"""Mistakes in reading input files and accounting for their lines: guarantee 33."""

from twin import Twin, twin

_FORMATS = "bulk/selection/inputs/test_formats.py::test_"
_EMAILS = "bulk/selection/lookups/test_email_match.py::test_"
_TABLE = "bulk/cli/inputs/test_input_table.py::test_"
_EXPECTED = "bulk/cli/flows/test_expect_unmatched.py::test_"

INPUTS: tuple[Twin, ...] = (
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
        "a verdict leaves out what the plan does not cover",
        _TABLE + "a_file_leads_to_its_review_verdict_and_exit_code[three of four lines]",
        "bulk/report/verdict.py",
        "return with_coverage(_done(target_states), coverage)",
        "return _done(target_states)",
    ),
    twin(
        33,
        "a job is complete although its plan does not cover all of the input",
        _TABLE + "a_file_leads_to_its_review_verdict_and_exit_code[three of four lines]",
        "bulk/report/duty_decision.py",
        "if coverage is not None and coverage.not_covered:",
        "if False and coverage is not None:",
    ),
    twin(
        33,
        "a journal does not keep what its plan does not cover",
        _TABLE + "a_file_leads_to_its_review_verdict_and_exit_code[three of four lines]",
        "bulk/jobs/first_record.py",
        "coverage=coverage_of(by_kind(plan.findings))",
        "coverage=None",
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
        "a plan is used for a changed input without a question",
        "bulk/cli/job_to_resume/test_changed_input.py::test_at_a_terminal_the_user_decides_about_a_named_plan_too",
        "bulk/cli/approval.py",
        "if unattended or not can_prompt():\n        return False",
        "if True:\n        return True",
    ),
    twin(
        33,
        "a person is planned without the line that selected it",
        "bulk/cli/commands/evidence/test_show_persons.py::test_a_line_has_its_persons_or_the_reason_why_it_has_none",
        "bulk/selection/selected_person.py",
        "SelectedPerson(ref=ref, known_by=by, line=line, change=change)",
        "SelectedPerson(ref=ref, known_by=by, change=change)",
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
        21,
        "lines that are expected to match no person never count as covered",
        _EXPECTED + "the_state_in_words_in_json_and_as_exit_code",
        "bulk/selection/inputs/coverage.py",
        " + self.repeated - self.expected",
        " + self.repeated",
    ),
    twin(
        21,
        "an expectation is forgotten at the end of its run",
        _EXPECTED + "the_state_in_words_in_json_and_as_exit_code",
        "bulk/execution/open_job.py",
        "    if settings.expect_unmatched and job.target_states.unmatched_expected is None:\n",
        "    if False:\n",
    ),
    twin(
        23,
        "any number of lines without a person is accepted",
        _EXPECTED + "another_number_is_refused_before_anything_is_sent",
        "bulk/execution/preflight.py",
        "    if expected is None or coverage.unmatched == expected:\n",
        "    if True:\n",
    ),
    twin(
        34,
        "a request that PostHog held no person for stays open",
        _EXPECTED + "the_receipts_say_that_posthog_held_no_person",
        "bulk/requests/open_requests.py",
        "_NOT_DONE - {_UNMATCHED} if unmatched_expected else _NOT_DONE",
        "_NOT_DONE",
    ),
)
