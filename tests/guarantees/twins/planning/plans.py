"""Mistakes in plans and protections: guarantees 6, 13, 21 and 32."""

from twin import Twin, twin

_PROTECTED = "bulk/plan/test_protected_persons.py::test_"
_RECORDINGS = "integration/erasure/test_recordings.py::test_"

PLANS: tuple[Twin, ...] = (
    twin(
        6,
        "a plan is reused for an input that has changed",
        (
            "bulk/plan/planner/test_planner_reuse.py::test_a_plan_for_something_else_is_refused",
            "bulk/cli/job_to_resume/test_changed_input.py::test_a_named_plan_is_not_used_for_a_changed_file",
        ),
        "bulk/plan/plan_match.py",
        "if now is not None and now != plan.content:",
        "if False:",
    ),
    twin(
        6,
        "a plan is reused for another server or project",
        "bulk/plan/planner/test_planner_reuse.py::test_a_plan_for_another_project_or_host_is_refused",
        "bulk/plan/planner.py",
        "            if planned != given:",
        "            if False:",
    ),
    twin(
        13,
        "the requests of the planning count twice for the client that made them",
        "integration/resuming/test_wrong_clock.py::test_the_client_of_the_planning_counts_it_once",
        "bulk/plan/planner.py",
        "        plan.counted_by.add(self._client.limits)\n",
        "",
    ),
    twin(
        13,
        "planning does not record its requests",
        "bulk/plan/planner/make_plan/test_planner.py::test_the_plan_holds_the_times_of_the_planners_requests",
        "bulk/plan/planner.py",
        "spent=spent_requests(",
        "spent={} and spent_requests(",
    ),
    twin(
        21,
        "recordings are looked up by the distinct ID that selected the person alone",
        _RECORDINGS + "recordings_of_all_distinct_ids_are_read_and_a_few_requests_are_enough",
        "bulk/plan/recording_notes.py",
        "            RecordingNote(ids, counts",
        "            RecordingNote(ids[:1], counts",
    ),
    twin(
        32,
        "a protected person is planned",
        _PROTECTED + "protected_persons_are_left_out_counted_and_named_by_line",
        "bulk/plan/planner.py",
        "findings.leave_out, findings.is_protected = protected.leave_out, protected.is_protected",
        "pass",
    ),
    twin(
        32,
        "a run does not name the lines that protect nobody",
        "bulk/plan/test_protection_that_protects_nobody.py::test_a_run_names_what_protects_nobody_too",
        "bulk/plan/protected_targets.py",
        "warnings=tuple(protection_warnings(finding)),",
        "warnings=(),",
    ),
)
