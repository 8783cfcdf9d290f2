"""Mistakes in the conclusions about a target: guarantees 7, 11 and 19 to 22."""

from twin import Twin, twin

_MACHINE = "bulk/targets/state_machine.py"
_VERIFIER = "bulk/verification/verifier.py"
_RECORDINGS = "integration/test_recordings.py::test_"
_TABLE = "bulk/targets/test_recording_states.py::test_"
_VERIFICATION = "bulk/verification/verification.py"
_DECISION = "bulk/report/duty_decision.py"
_DUTY = "bulk/report/test_duty.py::test_"
_VERIFIED = "integration/test_verification.py::test_"
_WALK = "bulk/targets/test_state_machine.py::test_"
_FACTS = "integration/test_facts.py::test_"
_PROOFS = "integration/test_proofs.py::test_"
_ENDS = "integration/test_ends.py::test_"
_ERASURE = "integration/test_erasure.py::test_"

STATES: tuple[Twin, ...] = (
    twin(
        7,
        "failed targets are tried again although the person is lost",
        (_WALK + "a_lost_person_has_nothing_pending", _ENDS + "a_person_that_disappears_after_a_request_without_a_row_gets_a_final_state"),
        _MACHINE, "        if person.state in FINAL_PERSON_STATES:\n            return read_again\n", "",
    ),
    twin(
        7,
        "properties of a person that disappeared after a change are tried forever",
        _ENDS + "a_person_that_others_changed_and_deleted_gets_a_final_state",
        _MACHINE, "case Properties.NOT_STARTED | Properties.CONTRADICTED:", "case Properties.NOT_STARTED:",
        _MACHINE, "        if person.state in FINAL_PERSON_STATES:\n            return read_again\n", "",
    ),
    twin(
        7,
        "a person that was already deleted and reappears keeps its too late events",
        _FACTS + "an_already_deleted_person_that_verify_finds_is_deleted_with_its_events_by_the_next_run",
        _MACHINE, "            events=_reset(state.events, Events.TOO_LATE, Events.SKIPPED),\n", "",
    ),
    twin(
        7,
        "parts of kept persons are overdue a minute later",
        _ENDS + "events_and_recordings_of_kept_persons_stay_done_in_much_later_runs",
        "bulk/verification/resend_policy.py", "        if self._axis not in MAX_SENDS:\n            return False\n", "",
    ),
    twin(
        11,
        "a person that one response leaves out is not read a second time",
        (
            _FACTS + "one_read_that_leaves_out_every_person_makes_no_target_done",
            "bulk/verification/test_second_look.py::test_only_left_out_persons_are_read_again_and_not_too_early",
        ),
        "bulk/verification/second_look.py", "            if not left_out:\n                return\n", "            return\n",
    ),
    twin(
        11,
        "a person that could not be read is read again in the same run",
        _WALK + "nothing_is_sent_for_a_person_that_is_lost_or_could_not_be_read",
        "bulk/execution/next_step.py", "    if any(standing.reason in UNREAD for standing in state):\n        return Step.NOTHING\n", "",
    ),
    twin(
        11,
        "a rejected batch fails every person in it",
        (
            _ERASURE + "a_batch_rejected_once_is_sent_in_parts_and_no_target_fails",
            _ERASURE + "a_rejection_is_narrowed_to_the_person_at_fault_which_is_never_sent_again",
        ),
        "bulk/posthog/attempt_result.py", "if result.next_action is NextAction.READ_BACK_AND_REJECT and persons > 1:", "if False:",
    ),
    twin(
        11,
        "a summary without persons_found is accepted from a server that has it",
        (
            _FACTS + "a_summary_without_persons_found_is_not_a_success",
            _FACTS + "an_empty_summary_is_that_of_the_oldest_era",
        ),
        "asyncclient/models.py", "return self == BulkDeleteSummary()", "return self.persons_found is None",
        "asyncclient/_protocol/endpoints/deletes.py", "(\"persons_found\", *(name for name, requested in queued if requested))", "tuple(name for name, requested in queued if requested)",
    ),
    twin(
        19,
        "a reappeared person is deleted without its events",
        (
            _WALK + "events_of_a_reappeared_person_are_queued_again",
            _PROOFS + "a_person_that_reappears_has_its_events_queued_again_before_its_deletion",
        ),
        _MACHINE, "        if state.person.reason is Reason.REAPPEARED:", "        if False:",
    ),
    twin(
        20,
        "a deletion row never becomes too old",
        (
            _PROOFS + "a_job_resumed_after_the_purge_queues_the_events_again",
            _PROOFS + "a_job_resumed_while_an_old_row_is_pending_holds_back_until_it_is_purged",
            _PROOFS + "a_pause_between_queueing_and_deleting_outdates_the_row",
        ),
        _VERIFIER, "return self._job.target_states.coverage.outdated(numbers, self.oldest_cover())", "return []",
    ),
    twin(
        20,
        "a row counts from when it was read and not from its own time",
        _PROOFS + "another_clients_row_covers_within_the_hour_and_an_older_one_does_not",
        _VERIFIER, "math.floor(min(reading.created_at, now))", "math.floor(now)",
    ),
    twin(
        20,
        "a row with a future time covers up to that time",
        _PROOFS + "a_row_with_a_future_time_covers_no_longer_than_any_other",
        _VERIFIER, "math.floor(min(reading.created_at, now))", "math.floor(reading.created_at)",
    ),
    twin(
        20,
        "no deletion row counts as about to expire",
        "bulk/verification/test_verifier.py::test_a_row_is_outdated_after_the_uncovered_time_and_expires_before",
        _VERIFIER, "return self._job.target_states.coverage.expiring(numbers, oldest, soon)", "return []",
    ),
    twin(
        20,
        "more events are queued before the persons are deleted whose rows are about to expire",
        "acceptance/job_model/test_slow_limits.py::test_a_job_that_outlasts_the_hour_for_which_events_may_stay_uncovered_ends",
        "bulk/execution/group_executor.py", "step, all_numbers = (Step.DELETE, expiring) if (expiring := self._expiring()) else first",
        "step, all_numbers = first",
        "bulk/execution/group_executor.py", "if Axis.EVENTS in axes and (self._clock() > started_at + EXPIRING_S or self._expiring()):",
        "if False:",
    ),
    twin(
        20,
        "the last uncovered window is reported instead of the largest",
        "bulk/journal/test_target_states.py::test_the_largest_uncovered_window_comes_from_the_oldest_row_a_person_was_deleted_with",
        "bulk/targets/coverage.py", "max(gap_s, self.largest_uncovered_s or 0.0)", "gap_s",
    ),
    twin(
        20,
        "a row of an unknown status queues the events",
        _PROOFS + "a_row_with_an_unknown_status_proves_nothing_and_is_reported",
        _MACHINE, "ROW_UNKNOWN_STATUS: AxisStatus(Events.HELD_BACK, Reason.UNKNOWN_ROW_STATUS),", "ROW_UNKNOWN_STATUS: AxisStatus(Events.QUEUED),",
    ),
    twin(
        21,
        "persons that a call deleted instead of keeping are forgotten",
        (
            "bulk/journal/test_target_states.py::test_persons_deleted_instead_of_kept_are_never_reported_as_already_deleted",
            _FACTS + "persons_deleted_instead_of_kept_are_not_reported_as_already_deleted",
        ),
        "bulk/journal/target_states.py", "if record.error == Reason.DELETED_INSTEAD_OF_KEPT.value:", "if False:",
    ),
    twin(
        21,
        "a person that disappears after a request is called already deleted",
        (_WALK + "already_deleted_is_only_for_persons_for_which_nothing_was_sent", _ENDS + "a_person_that_disappears_after_a_request_without_a_row_gets_a_final_state"),
        _MACHINE, "return AxisStatus(Person.DISAPPEARED if sent else Person.ALREADY_DELETED)", "return AxisStatus(Person.ALREADY_DELETED)",
    ),
    twin(
        21,
        "verify does not read persons again that a call deleted instead of keeping",
        _FACTS + "a_person_that_is_read_again_is_not_reported_as_deleted_instead_of_kept",
        _VERIFICATION, "        Person.DELETED_UNEXPECTEDLY,\n", "",
    ),
    twin(
        21,
        "verify does not read which persons a call deleted instead of keeping",
        _FACTS + "verify_shows_which_persons_a_call_deleted_instead_of_keeping",
        _VERIFICATION, "merge(maybe_deleted, target_states.numbers(axis, READ_AGAIN[axis]))", "target_states.numbers(axis, READ_AGAIN[axis])",
    ),
    twin(
        21,
        "recordings that PostHog shows no more count as deleted",
        _RECORDINGS + "rows_that_the_server_removed_before_they_were_read_prove_nothing",
        "bulk/verification/recording_verifier.py", "    if count.marked:\n", "    if count.marked or note.recordings:\n",
    ),
    twin(
        21,
        "recordings count as deleted if any is",
        "bulk/posthog/recordings/test_recording_reader.py::test_the_recordings_of_each_person_are_counted_by_few_queries",
        "bulk/posthog/recordings/recording_reader.py", "found[number][mark.is_deleted] += 1", "found[number][True] += 1",
    ),
    twin(
        21,
        "no recordings, before or after, count as deleted",
        (_RECORDINGS + "no_recordings_before_and_after_are_nothing_to_verify", _TABLE + "what_is_not_verifiable_says_why"),
        "bulk/targets/recording_states.py", "            return AxisStatus(Recordings.NOT_VERIFIABLE, _NONE_SHOWN[none])", "            return AxisStatus(Recordings.DELETED)",
    ),
    twin(
        21,
        "recordings are looked up by the distinct ID that selected the person alone",
        _RECORDINGS + "recordings_of_all_distinct_ids_are_read_and_a_few_requests_are_enough",
        "bulk/plan/recording_notes.py", "            RecordingNote(ids, counts", "            RecordingNote(ids[:1], counts",
    ),
    twin(
        21,
        "distinct IDs that a batch read cuts off are taken for all",
        _RECORDINGS + "recordings_of_all_distinct_ids_are_read_and_a_few_requests_are_enough",
        "bulk/posthog/recordings/distinct_ids.py", "if len(ref.distinct_ids) == BATCH_READ_SHOWS]", "if False]",
    ),
    twin(
        21,
        "recordings that could not be read count as none",
        "bulk/posthog/recordings/test_recording_reader.py::test_persons_of_a_query_that_failed_are_left_out_and_three_failures_in_a_row_end_it",
        "bulk/posthog/recordings/recording_reader.py", "                    found.pop(number, None)\n", "                    found.get(number)\n",
    ),
    twin(
        22,
        "a person that was deleted counts as merged once another has its distinct ID",
        "bulk/targets/test_state_table.py::test_the_table_of_persons_is_drawn_right",
        "bulk/targets/state_machine.py", "if observation is Observation.MERGED and person.state in _DELETED:", "if False:",
    ),
    twin(
        21,
        "verify calls persons done that it could not read",
        _FACTS + "verify_that_cannot_read_a_person_is_not_finished",
        _VERIFICATION, "unread=_ranges(unread),", "unread=None,",
    ),
    twin(
        21,
        "a job is complete although its events are not purged",
        (_DUTY + "a_waiting_job_names_the_next_purge_and_from_when_to_verify", "bulk/cli/test_duty_agrees.py::test_verify_agrees_with_the_other_commands[delete-events-None-waiting]"),
        _DECISION, "        _queued_events(target_states),\n", "",
    ),
    twin(
        21,
        "a purge that slipped is expected on a day that has passed",
        _DUTY + "a_purge_that_slipped_is_expected_a_week_later[it slipped]",
        "bulk/report/purge_schedule.py", "next_purge(max(queued_at, as_of - PURGE_TAKES_S))", "next_purge(queued_at)",
    ),
    twin(
        21,
        "a state without a known reason needs no attention",
        _DUTY + "every_status_of_a_target_decides_and_says_what_to_do[Axis.PERSON-AxisStatus(state=<Person.CONTRADICTED: 10>, reason=None)]",
        "bulk/report/duty_causes.py", "status.state in _CONTRADICTED and status.reason not in _UNDONE", "status.reason in (Reason.ACCEPTED_NOT_DELETED, Reason.ACCEPTED_NOT_APPLIED)",
    ),
    twin(
        33,
        "a job is complete although input lines are not covered",
        (_DUTY + "input_lines_that_are_not_covered_need_attention", "bulk/cli/test_duty_agrees.py::test_input_lines_without_a_person_need_attention_although_every_person_is_gone"),
        _DECISION, "        causes.append(_not_covered(coverage))\n", "        pass\n",
    ),
    twin(
        22,
        "verify reads deleted persons by their UUID alone",
        _VERIFIED + "new_persons_with_the_distinct_id_of_a_deleted_one_are_named",
        _VERIFICATION, "return is_gone and distinct_id_of(target) is not None", "return False",
    ),
    twin(
        22,
        "the plan of re-created persons has the planned persons too",
        "bulk/verification/test_reappeared.py::test_only_persons_that_are_not_the_planned_ones_are_found",
        "bulk/verification/reappeared.py", "for each in persons if not is_same(target, each)", "for each in persons",
    ),
    twin(
        22,
        "a copy of the planned persons has re-created ones",
        "bulk/cli/commands/test_persons_of_plan.py::test_persons_that_are_gone_or_re_created_are_named_and_left_out[True]",
        "bulk/jobs/plan_copy.py", "            if isinstance(person, RawPerson) and not is_same(target, person):\n", "            if False:\n",
    ),
    twin(
        22,
        "a copy of the planned persons has only the distinct IDs that a batch read shows",
        "bulk/cli/commands/test_persons_of_plan.py::test_the_copy_has_the_persons_of_the_plan_with_all_their_distinct_ids",
        "bulk/jobs/plan_copy.py", "            complete[index] = again\n", "            pass\n",
    ),
    twin(
        21,
        "deleted persons that the list still shows are not named",
        _VERIFIED + "a_deleted_person_that_the_list_still_shows_is_named",
        _VERIFICATION, "listed=_ranges(listed),", "listed=None,",
    ),
    twin(
        11,
        "a re-created person that the list of an older server hides is not found",
        _VERIFIED + "a_re_created_person_that_the_list_of_an_older_server_hides_is_found",
        "bulk/posthog/person_reader.py", "if self._reads.reads_list and (hidden", "if False and (hidden",
    ),
    twin(
        11,
        "a batch that the server refused counts as sent",
        "bulk/posthog/test_attempt_result.py::test_no_error_counts_as_sent[RateLimited-]",
        "bulk/posthog/attempt_result.py", "    (RateLimited, \"failed\", NextAction.RETRY),", "    (RateLimited, \"ok\", NextAction.NOTHING),",
    ),
    twin(
        11,
        "a batch that the server rejected counts as sent",
        (
            "bulk/posthog/test_attempt_result.py::test_no_error_counts_as_sent[BadRequest-]",
            _ERASURE + "a_rejection_is_narrowed_to_the_person_at_fault_which_is_never_sent_again[400]",
        ),
        "bulk/posthog/attempt_result.py", "    (BadRequest, \"unknown\", NextAction.READ_BACK_AND_REJECT),", "    (BadRequest, \"ok\", NextAction.NOTHING),",
    ),
    twin(
        11,
        "the counts of a response are not compared",
        "bulk/posthog/test_attempt_result.py::test_only_a_response_with_exact_counts_is_a_success",
        "bulk/posthog/attempt_result.py", "counts_right = summary.persons_found == len(uuids) and", "counts_right = True or",
    ),
    twin(
        20,
        "a person whose events are held back is deleted",
        "bulk/execution/test_next_step.py::test_final_accepted_and_held_back_targets_have_no_next_step[Events.HELD_BACK-Person.HELD_BACK]",
        "bulk/execution/next_step.py", "person in (Person.ACCEPTED, Person.HELD_BACK)", "person is Person.ACCEPTED",
        "bulk/execution/next_step.py", "EVENTS_DONE = frozenset({Events.NOT_REQUESTED,", "EVENTS_DONE = frozenset({Events.HELD_BACK, Events.NOT_REQUESTED,",
    ),
    twin(
        21,
        "events count as purged by any completed row",
        "bulk/verification/test_verifier.py::test_queued_events_are_purged_by_a_completed_row_that_is_not_older_than_their_coverage",
        _VERIFIER, "if not target_states.coverage.is_newer(number := uuids[uuid], completed[uuid].timestamp())", "if (number := uuids[uuid]) is not None",
    ),
    twin(
        2,
        "requests in flight are forgotten after a kill",
        "bulk/journal/test_target_states.py::test_an_attempt_without_a_result_is_unknown_only_after_its_process_is_gone",
        "bulk/journal/target_states.py", "            self._set_axes(intent.axes, intent.targets, accepted=False)\n        interrupted", "            pass\n        interrupted",
    ),
    twin(
        21,
        "changes that never show are not sent again",
        "bulk/verification/test_completion_poller.py::test_overdue_targets_are_sent_again_until_their_attempts_are_used_up",
        "bulk/verification/resend_policy.py", "return now - max(last_accepted_at, self._last_done_at) > after_s * self._patience", "return False",
    ),
    twin(
        11,
        "one response without a new person refutes that there is one",
        _VERIFIED + "one_response_that_leaves_a_new_person_out_does_not_make_the_job_complete",
        "bulk/posthog/person_reader.py", "expected_gone=ids - {persons[uuid] for uuid in returned}", "expected_gone=ids",
    ),
    twin(
        11,
        "a failed read refutes that there is a new person",
        _VERIFIED + "a_new_person_that_a_verification_cannot_read_again_is_still_named",
        _VERIFICATION, "        returned += self._returned_before & {*unread}\n", "",
    ),
    twin(
        11,
        "one response refutes what the list of persons shows",
        _VERIFIED + "a_listed_person_that_one_response_leaves_out_is_read_again",
        _VERIFIER, "elif state in FOUND_ABSENT and not listed:", "elif state in FOUND_ABSENT:",
    ),
    twin(
        11,
        "one response without recordings decides about them",
        _RECORDINGS + "recordings_that_one_response_leaves_out_are_counted_again",
        "bulk/verification/recording_verifier.py", "not is_second and self._has_fewer(number, note, counts[number])", "False",
    ),
    twin(
        11,
        "recordings that two responses do not show are never read again",
        _RECORDINGS + "recordings_that_two_responses_leave_out_are_found_by_the_next_verification",
        "bulk/targets/recording_states.py", "SETTLED = frozenset({Reason.NO_RECORDINGS,", "SETTLED = frozenset({Reason.RECORDINGS_NOT_LEFT, Reason.NO_RECORDINGS,",
    ),
    twin(
        11,
        "one response without a listed person refutes that the list shows it",
        _VERIFIED + "a_person_that_was_listed_stays_named_until_two_responses_do_not_show_it[one response without them]",
        "bulk/verification/listed_persons.py", "if missing and self.why_not is None:", "if False:",
    ),
    twin(
        11,
        "a query that fails refutes that the list shows a person",
        _VERIFIED + "a_person_that_was_listed_stays_named_until_two_responses_do_not_show_it[no response]",
        "bulk/verification/listed_persons.py", "return found if self.why_not is None else {*found, *before}", "return found",
    ),
    twin(
        22,
        "the plan of re-created persons lacks one that a response leaves out",
        _VERIFIED + "one_response_that_leaves_a_re_created_person_out_does_not_keep_it_out_of_the_plan",
        "bulk/verification/reappeared.py", "unknown.append(target.number)", "pass",
    ),
    twin(
        22,
        "a re-created person that the listing hides is not found",
        _VERIFIED + "a_re_created_person_that_the_list_of_an_older_server_hides_is_found",
        "bulk/posthog/person_reader.py", "if self._reads.reads_list and (", "if False and (",
    ),
    twin(
        22,
        "a deletion of unknown outcome explains an absence",
        _FACTS + "a_person_that_stays_after_a_failed_deletion_and_is_then_merged_is_not_reported_deleted",
        _VERIFIER, "FOUND_ABSENT = frozenset(\n    {\n", "FOUND_ABSENT = frozenset(\n    {\n        Person.UNKNOWN,\n        Person.TO_RETRY,\n",
    ),
    twin(
        22,
        "an accepted deletion explains the absence of a person that an unreadable response showed",
        (
            _FACTS + "a_person_that_only_an_unreadable_response_showed_and_that_is_then_merged_is_not_reported_deleted",
            "bulk/posthog/test_person_reader.py::test_an_accepted_deletion_explains_no_absence_after_a_response_that_may_have_shown_the_person",
        ),
        "bulk/posthog/person_reader.py", "({*accepted} - read.maybe_shown)", "accepted",
    ),
    twin(
        22,
        "an accepted deletion explains the absence of a person that was still present",
        _FACTS + "a_person_that_stays_after_an_accepted_deletion_and_is_then_merged_is_not_reported_deleted",
        _MACHINE, "person = AxisStatus(Person.ACCEPTED, Reason.STILL_PRESENT)", "person = AxisStatus(Person.ACCEPTED)",
    ),
    twin(
        19,
        "a later run repeats the call that deleted persons instead of keeping them",
        _FACTS + "after_kept_persons_were_deleted_no_later_run_sends_such_a_request",
        "bulk/execution/group_executor.py", "if call.keeps_persons and self._job.target_states.run_stats.kept_deleted:", "if False:",
    ),
    twin(
        24,
        "one person that stays stops the job at the first batch",
        (
            _ENDS + "one_person_that_is_not_deleted_does_not_fail_the_test_batch",
            _ENDS + "a_test_batch_of_one_person_that_is_not_deleted_is_followed_by_another",
        ),
        "bulk/execution/run.py", "            if proven:\n", "            if proven and not any(target_states.state(axis, n) in _UNPROVEN for n in numbers):\n",
        "bulk/execution/run.py", "if stuck >= TEST_BATCH_SIZE or (stuck and stuck == target_states.count):", "if stuck:",
    ),
)  # fmt: skip
