"""Mistakes in reports: guarantees 21, 25, 33 and 34."""

from twin import Twin, twin

_RESUME = "integration/resuming/test_resume.py::test_"
_TABLE = "bulk/cli/inputs/test_input_table.py::test_"
_SHRED = "bulk/jobs/test_shred.py::test_"
_DECISION = "bulk/report/duty_decision.py"
_DUTY = "bulk/report/test_duty.py::test_"

REPORTS: tuple[Twin, ...] = (
    twin(
        21,
        "a job is complete although its events are not purged",
        (
            _DUTY + "a_waiting_job_names_the_next_purge_and_from_when_to_verify",
            "bulk/cli/flows/test_duty_agrees.py::test_verify_agrees_with_the_other_commands[delete-events-None-waiting]",
        ),
        _DECISION,
        "        _queued_events(target_states),\n",
        "",
    ),
    twin(
        21,
        "a purge that slipped is expected on a day that has passed",
        _DUTY + "a_purge_that_slipped_is_expected_a_week_later[it slipped]",
        "bulk/report/purge_schedule.py",
        "next_purge(max(queued_at, as_of - PURGE_TAKES_S))",
        "next_purge(queued_at)",
    ),
    twin(
        21,
        "a state without a known reason needs no attention",
        _DUTY
        + "every_status_of_a_target_decides_and_says_what_to_do[Axis.PERSON-AxisStatus(state=<Person.CONTRADICTED: 10>, reason=None)]",
        "bulk/report/duty_causes.py",
        "status.state in _CONTRADICTED and status.reason not in _UNDONE",
        "status.reason in (Reason.ACCEPTED_NOT_DELETED, Reason.ACCEPTED_NOT_APPLIED)",
    ),
    twin(
        25,
        "a report contains the time at which it was made",
        _RESUME + "the_report_is_the_same_bytes_again_and_holds_without_the_plan",
        "bulk/report/report.py",
        "last_entry_at=iso(run_stats.last_at),",
        "last_entry_at=iso(__import__('time').time()),",
    ),
    twin(
        25,
        "a report uses the time zone of the machine",
        "bulk/report/test_report.py::test_the_report_does_not_depend_on_the_time_zone_of_the_machine",
        "bulk/report/parts/activity.py",
        "datetime.fromtimestamp(at, UTC).isoformat",
        "datetime.fromtimestamp(at).astimezone().isoformat",
    ),
    twin(
        25,
        "a redacted report shows the values of the selection",
        "bulk/cli/commands/evidence/test_report_evidence.py::test_values_are_shown_with_the_plan_unless_redacted",
        "bulk/report/parts/plan_report.py",
        "values=_values(plan) if values else None,",
        "values=_values(plan),",
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
        "a job is complete although input lines are not covered",
        (
            _DUTY + "input_lines_that_are_not_covered_need_attention",
            "bulk/cli/flows/test_duty_agrees.py::test_input_lines_without_a_person_need_attention_although_every_person_is_gone",
        ),
        _DECISION,
        "        causes.append(_not_covered(coverage))\n",
        "        pass\n",
    ),
    twin(
        34,
        "a job waits for a verification that the destruction of its plan made impossible",
        _SHRED + "a_job_that_waits_and_whose_plan_is_destroyed_needs_attention",
        "bulk/report/duty_decision.py",
        "    if target_states.plan_shredded is not None:  # nothing can be read back any more\n",
        "    if False:\n",
    ),
    twin(
        34,
        "a receipt is complete while its job waits",
        "bulk/cli/flows/test_requests.py::test_a_receipt_waits_as_long_as_its_job_waits_for_the_recordings",
        "bulk/report/receipt.py",
        'return "waiting" if open_targets.waiting[target] else "done"',
        'return "done"',
    ),
)
