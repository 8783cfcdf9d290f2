"""Mistakes in finding the job that a command line resumes: guarantees 6, 7 and 9."""

from twin import Twin, twin

_CHOICE = "bulk/jobs/job_choice.py"
_SAME_LINE = "bulk/cli/job_to_resume/test_job_to_resume.py::test_"

RESUMES: tuple[Twin, ...] = (
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
        7,
        "the same line starts a second job",
        (
            _SAME_LINE + "an_unfinished_job_is_resumed_and_its_plan_is_used",
            "bulk/jobs/test_job_choice.py::test_the_chosen_job_does_not_depend_on_the_order_of_the_jobs",
        ),
        _CHOICE,
        "    return job.state in (JobState.UNFINISHED, JobState.RUNNING)",
        "    return False",
    ),
    twin(
        7,
        "a finished job is run again",
        _SAME_LINE + "a_finished_job_is_not_run_again_by_accident",
        _CHOICE,
        "        return AlreadyFinished(finished)",
        "        return StartNew()",
    ),
    twin(
        7,
        "a changed input starts a second job beside an unfinished one",
        "bulk/cli/job_to_resume/test_changed_input.py::test_a_changed_file_is_named_with_both_numbers_of_lines",
        _CHOICE,
        "    if content is not None and (changed :=",
        "    if False and (changed :=",
    ),
    twin(
        7,
        "a plan made long ago is used without being named",
        _SAME_LINE + "an_older_plan_that_was_never_started_is_named_and_not_used",
        _CHOICE,
        "<= MAX_UNSTARTED_AGE]",
        "<= 9999 * MAX_UNSTARTED_AGE]",
    ),
    twin(
        7,
        "a job counts as finished although its result was not shown",
        _SAME_LINE + "a_result_that_was_not_shown_is_shown_by_the_same_line",
        "bulk/jobs/job_summary.py",
        "if is_reported and _is_finished(report)",
        "if _is_finished(report)",
    ),
    twin(
        9,
        "a plan of a refused approval stays",
        _SAME_LINE + "a_plan_of_a_refused_approval_is_removed",
        "bulk/cli/plan_and_run.py",
        "            plan.discard()",
        "            pass",
    ),
    twin(
        9,
        "what a killed planning left stays",
        "bulk/plan/test_plan_file.py::test_a_new_plan_removes_what_a_killed_planning_left",
        "bulk/plan/plan_writer.py",
        "        remove_abandoned(path.parent,",
        "        str(path.parent) and (",
    ),
)
