"""Mistakes in finding, copying and destroying the files of jobs: guarantees 7, 22, 27, 33 and 34."""

from twin import Twin, twin

_TABLE = "bulk/cli/inputs/test_input_table.py::test_"
_SHRED = "bulk/jobs/test_shred.py::test_"
_CHOICE = "bulk/jobs/job_choice.py"
_SAME_LINE = "bulk/cli/job_to_resume/test_job_to_resume.py::test_"

JOBS: tuple[Twin, ...] = (
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
        22,
        "a copy of the planned persons has re-created ones",
        "bulk/cli/commands/persons/test_persons_of_plan.py::test_persons_that_are_gone_or_re_created_are_named_and_left_out[True]",
        "bulk/jobs/plan_copy.py",
        "            if isinstance(person, RawPerson) and not is_same(target, person):\n",
        "            if False:\n",
    ),
    twin(
        22,
        "a copy of the planned persons has only the distinct IDs that a batch read shows",
        "bulk/cli/commands/persons/test_persons_of_plan.py::test_the_copy_has_the_persons_of_the_plan_with_all_their_distinct_ids",
        "bulk/jobs/plan_copy.py",
        "            complete[index] = again if",
        "            complete[index] = shown if",
    ),
    twin(
        27,
        "a journal holds the values of a selection",
        "integration/test_secrecy.py::test_no_identifier_and_no_secret_is_in_journal_report_or_events",
        "bulk/jobs/first_record.py",
        "selection=summary if isinstance(summary, dict) else {},",
        "selection=header.selection,",
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
        34,
        "shred only removes the name of the plan",
        _SHRED + "the_plan_is_overwritten_and_removed_and_the_evidence_stays",
        "bulk/jobs/destruction.py",
        "offset += os.pwrite(fd, _ZEROS[: size - offset], offset)",
        "offset = size",
    ),
    twin(
        34,
        "shred leaves what persons had before their change",
        _SHRED + "the_before_image_is_destroyed_too_and_another_file_of_its_name_is_not",
        "bulk/jobs/shred.py",
        "            found |= _before_image(plan, job, was_begun=was_begun)  # first, because only the plan names it\n",
        "            pass\n",
    ),
    twin(
        34,
        "shred leaves what persons had where the job was moved",
        _SHRED + "the_before_image_is_destroyed_too_and_another_file_of_its_name_is_not",
        "bulk/jobs/shred.py",
        "return beside if os.path.lexists(beside) and",
        "return beside if False and",
    ),
    twin(
        34,
        "shred destroys the plan before the journal says so",
        _SHRED + "a_kill_at_any_moment_can_be_repeated[kernel-unlink-1]",
        "bulk/jobs/shred.py",
        "            writer.append(FilesShredded(at=at, files=kinds))\n            await writer.durable()\n",
        "",
    ),
    twin(
        34,
        "shred destroys the plan of a job that waits for PostHog",
        _SHRED + "a_job_whose_events_are_not_purged_is_refused_unless_it_is_said",
        "bulk/jobs/shred.py",
        "    if duty.waiting_for:",
        "    if False:",
    ),
)
