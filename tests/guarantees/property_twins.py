"""Mistakes in changes of properties, and in deletions of events or recordings alone.

Guarantees 1, 2, 6, 7, 10 to 13, 17, 19 to 24, 26, 27 and 29.
"""

from twin import Twin, twin

_EXECUTOR = "bulk/execution/group_executor.py"
_SENDER = "bulk/execution/batch_sender.py"
_CALLS = "bulk/posthog/calls.py"
_TARGET_STATES = "bulk/journal/target_states.py"
_VERIFIER = "bulk/verification/verifier.py"
_MACHINE = "bulk/targets/state_machine.py"
_VERDICTS = "bulk/posthog/attempt_result.py"
_PROPERTIES = "integration/properties/test_properties.py::test_"
_BLOCKS = "integration/properties/failures/test_properties_blocks.py::test_"
_LIMITS = "integration/properties/test_properties_limits.py::test_"
_LOST = "integration/properties/failures/test_properties_lost.py::test_"
_OTHERS = "integration/properties/test_properties_others.py::test_"
_ANEW = "integration/properties/test_properties_anew.py::test_"
_ROUTES = "integration/properties/test_properties_routes.py::test_"
_SECRECY = "integration/properties/test_properties_secrecy.py::test_"
_PARTS = "integration/erasure/test_parts.py::test_"
_LISTS = "integration/properties/test_properties_key_lists.py::test_"
_TRIAL = "bulk/execution/unset/key_list_trial.py"

PROPERTIES: tuple[Twin, ...] = (
    twin(
        1,
        "the intent of a block names only its first target",
        _BLOCKS + "no_request_arrives_before_its_intent_was_synced",
        _SENDER, "                            numbers,\n                            client.server_time(),",
        "                            numbers[:1],\n                            client.server_time(),",
    ),
    twin(
        1,
        "changes leave before their intent is synced",
        _BLOCKS + "no_request_arrives_before_its_intent_was_synced",
        "bulk/journal/job_log.py", "        await self.wait_durable()\n        return attempt", "        self.flush()\n        return attempt",
    ),
    twin(
        2,
        "targets that a block did not reach are called sent",
        (
            "bulk/journal/test_target_states.py::test_targets_that_a_block_did_not_reach_keep_their_state",
            "integration/properties/failures/test_interrupted_blocks.py::test_a_stop_within_a_block_ends_at_once_and_is_recorded_exactly",
        ),
        _TARGET_STATES, "reached = intent.targets if record.reached is None else record.reached", "reached = intent.targets",
    ),
    twin(
        2,
        "a stopped block is not recorded",
        "integration/properties/failures/test_interrupted_blocks.py::test_a_stop_within_a_block_ends_at_once_and_is_recorded_exactly",
        _SENDER, "                job.record_outcome(attempt, block.result(), numbers)\n", "",
    ),
    twin(
        2,
        "properties that were already as desired are called changed",
        _PROPERTIES + "persons_already_as_desired_get_no_request_and_a_state_of_their_own",
        _MACHINE, "Properties.NOT_STARTED: Properties.ALREADY_AS_DESIRED,", "Properties.NOT_STARTED: Properties.CHANGED_CONFIRMED,",
    ),
    twin(
        2,
        "a lost response to events counts as an accepted one",
        _LOST + "confirmed_changes_and_found_changes_have_separate_states",
        _MACHINE, "Properties.UNKNOWN: Properties.FOUND_CHANGED,", "Properties.UNKNOWN: Properties.CHANGED_CONFIRMED,",
    ),
    twin(
        6,
        "a journal with the same keys and other values is accepted",
        _SECRECY + "another_operation_with_the_same_keys_does_not_resume_this_journal",
        "bulk/journal/binding.py", '        ("plan digest", job.plan_digest, plan.digest),\n', "",
        "bulk/journal/binding.py", '        ("time of planning", job.planned_at, plan.header.created_at),\n', "",
    ),
    twin(
        7,
        "targets done before an error in their block are sent again",
        _BLOCKS + "calls_before_an_error_count_and_only_the_others_are_sent_again",
        _CALLS, "            accepted=tuple(range(self.done)),\n            requests=self.requests + 1,",
        "            accepted=(),\n            requests=self.requests + 1,",
    ),
    twin(
        7,
        "done targets are sent again",
        _PROPERTIES + "a_done_job_sends_nothing_again_and_verify_confirms_it",
        "bulk/execution/next_step.py", "if properties in (Properties.NOT_STARTED, Properties.TO_RETRY):",
        "if properties in (Properties.NOT_STARTED, Properties.TO_RETRY, Properties.ACCEPTED):",
    ),
    twin(
        10,
        "a block counts as one attempt",
        (
            _PROPERTIES + "the_journal_counts_exactly_the_requests_that_were_sent",
            _BLOCKS + "a_job_ends_right_for_every_person_after_any_failure_within_a_block[unset-status-call-500-before-0.0]",
        ),
        _SENDER, "                            requests=call.requests(batch),\n", "",
        _CALLS, "            requests=self.requests + 1,\n", "            requests=1,\n",
    ),
    twin(
        11,
        "an event with an unknown outcome is sent again without a read",
        _LOST + "an_event_with_unknown_outcome_is_read_back_before_it_is_sent_again",
        _VERDICTS, '(TimedOut, "unknown", NextAction.READ_BACK_AND_HALVE),', '(TimedOut, "failed", NextAction.RETRY),',
    ),
    twin(
        11,
        "properties with an unknown outcome are not read",
        "bulk/execution/test_next_step.py::test_properties_are_sent_until_accepted_and_again_if_not_applied",
        "bulk/execution/next_step.py", "person is Person.UNKNOWN or properties is Properties.UNKNOWN", "person is Person.UNKNOWN",
    ),
    twin(
        11,
        "a change that was accepted and lost is never sent again",
        (
            _LOST + "lost_events_are_found_by_reading_back_and_sent_again",
            _LOST + "calls_that_the_server_accepts_and_loses_are_sent_again",
        ),
        "bulk/verification/completion_poller.py", "        if not self._is_overdue():\n            return 0\n", "        return 0\n",
    ),
    twin(
        12,
        "one rejected person fails its whole block",
        _BLOCKS + "a_rejected_person_fails_and_the_others_of_its_block_do_not",
        _EXECUTOR, "rejected = numbers if result.failed_at is None else [numbers[result.failed_at]]", "rejected = numbers",
    ),
    twin(
        12,
        "a rejected person is sent again",
        _BLOCKS + "a_rejected_person_fails_and_the_others_of_its_block_do_not",
        _VERDICTS, '(BadRequest, "unknown", NextAction.READ_BACK_AND_REJECT),', '(BadRequest, "unknown", NextAction.READ_BACK),',
    ),
    twin(
        12,
        "a lost change is sent again without limit",
        _LOST + "only_a_person_that_is_never_changed_is_reported",
        "bulk/verification/resend_policy.py", "MAX_CHANGES = 5", "MAX_CHANGES = 6",
    ),
    twin(
        12,
        "waiting for a slow person uses up its attempts",
        _LIMITS + "persons_whose_calls_outlast_their_read_are_still_done",
        _SENDER, "job.refund(numbers[block.done :])", "job.refund(numbers[block.reached :])",
    ),
    twin(
        12,
        "only the first failures of a capture host count",
        "integration/properties/failures/test_capture_hosts.py::test_a_capture_host_that_never_responds_ends_the_job_within_15_minutes",
        "bulk/execution/batch_policy.py", 'always=call.route == "capture" and not is_refused(result)', "always=False",
    ),
    twin(
        7,
        "keys of a person whose block was interrupted are removed again",
        _LIMITS + "persons_whose_calls_outlast_their_read_are_still_done",
        _SENDER, "                self._note_keys_sent(call, numbers, batch, block)\n            raise\n", "            raise\n",
    ),
    twin(
        13,
        "requests in flight when a block was killed do not count",
        (
            "bulk/journal/test_limit_usage.py::test_a_killed_block_of_changes_counts_in_addition_to_reads",
            "bulk/journal/test_target_states.py::test_a_killed_block_is_unknown_and_all_its_requests_count",
        ),
        "bulk/journal/limit_usage.py", "found[bucket] = found.get(bucket, 0) + count", "found[bucket] = count",
    ),
    twin(
        13,
        "a block counts as one request in the windows",
        _LIMITS + "requests_of_a_stopped_block_are_charged_one_by_one",
        _TARGET_STATES, "self.usage.request(intent.bucket, record.at, times=made)", "self.usage.request(intent.bucket, record.at)",
    ),
    twin(
        13,
        "planned reads are not counted against changes",
        _LIMITS + "reads_of_the_planning_count_too",
        "bulk/execution/open_job.py", "spent=plan.spent", "spent={}",
    ),
    twin(
        17,
        "a stop waits until a block's next request may leave",
        "integration/properties/failures/test_interrupted_blocks.py::test_a_stop_within_a_block_ends_at_once_and_is_recorded_exactly",
        _SENDER, "CallBlock(on_success=lambda: gate.make_cancellable(scope))", "CallBlock(on_success=lambda: None)",
    ),
    twin(
        19,
        "persons are deleted when only their events should be",
        _PARTS + "events_are_queued_rows_are_read_back_and_all_persons_stay",
        _CALLS, "keep_person=Axis.PERSON not in call.axes", "keep_person=Axis.EVENTS not in call.axes",
    ),
    twin(
        20,
        "an old deletion row counts as a fresh one",
        _PARTS + "an_earlier_pending_row_holds_the_events_back_until_it_is_completed",
        _MACHINE, "Observation.ROW_OLDER_PENDING: AxisStatus(Events.HELD_BACK),", "Observation.ROW_OLDER_PENDING: AxisStatus(Events.QUEUED),",
    ),
    twin(
        21,
        "an accepted change counts as done",
        (
            _LOST + "changes_slower_than_the_wait_are_left_pending_and_found_later",
            "bulk/verification/test_completion_poller.py::test_polling_ends_once_the_change_is_overdue",
        ),
        "bulk/states.py", "    Axis.PROPERTIES: Properties.ACCEPTED,\n", "    Axis.PROPERTIES: Properties.CHANGED_CONFIRMED,\n",
    ),
    twin(
        21,
        "a query decides without a read of each person",
        (
            "integration/facts/test_facts.py::test_a_query_without_a_merged_person_does_not_make_it_done",
            _ANEW + "a_recreated_person_is_found_although_a_query_verifies_the_others",
            _ROUTES + "a_query_that_contradicts_the_reads_is_not_trusted",
        ),
        "bulk/verification/completion_poller.py", "            await self._read(self._all_but(unchanged))\n",
        "            from bulk.targets.observations import Observation\n"
        "            for some in self._all_but(unchanged):\n"
        "                self._job.observe('listing', dict.fromkeys(some, (Observation.PRESENT_AS_DESIRED,)))\n",
    ),
    twin(
        21,
        "a null counts as absent",
        (
            "bulk/test_property_checks.py::test_a_null_is_a_property",
            _PROPERTIES + "a_null_is_a_value_to_be_set_and_a_property_to_be_removed",
        ),
        "bulk/property_checks.py", "[key for key in self.absent if key in properties]",
        "[key for key in self.absent if properties.get(key) is not None]",
    ),
    twin(
        22,
        "a person is not read again after a long wait",
        (
            _OTHERS + "persons_lost_while_their_batch_waited_get_no_event",
            _OTHERS + "a_person_that_disappears_during_a_long_block_gets_no_more_calls",
        ),
        _SENDER, "raise Stale\n", "pass\n",
    ),
    twin(
        22,
        "a re-created person is changed",
        _OTHERS + "persons_lost_between_plan_and_run_get_no_request",
        _VERIFIER, " and abs(target.created_at - person.created_at) < SAME_INSTANT", "",
    ),
    twin(
        22,
        "a person that is gone is sent an event",
        (
            _OTHERS + "persons_lost_between_plan_and_run_get_no_request",
            _OTHERS + "properties_of_deleted_persons_are_gone_but_cannot_be_set",
        ),
        _EXECUTOR, "        check = await self._context.verifier.check_persons(numbers)\n",
        "        before = dict(zip(numbers, [self._job.target_states.properties(n) for n in numbers]))\n"
        "        targets = self._job.targets(numbers)\n"
        "        from bulk.journal.records import Change as change\n"
        "        check = await self._context.verifier.check_persons(numbers)\n"
        "        for n in set(numbers) - check.present.keys():\n"
        "            self._job._record_changes('person_reads', (change('properties', before[n].name.lower(), str(n)),))\n"
        "            self._verified.add(n, VerifiedTarget(uuid=targets[n].uuid, distinct_id=targets[n].distinct_id or 'x', keys=('plan',), read_at=check.requested_at))\n",
    ),
    twin(
        22,
        "an event goes to a person that was read a minute ago",
        (
            _ANEW + "a_person_deleted_while_its_group_is_sent_is_recreated_by_no_event",
            "acceptance/job_model/test_suspended.py::test_nothing_is_sent_for_a_person_that_was_last_read_before_a_suspend[update-capture-summary]",
        ),
        "bulk/execution/verified_targets.py", "READ_GOOD_FOR_EVENT_S = 10.0", "READ_GOOD_FOR_EVENT_S = 60.0",
    ),
    twin(
        22,
        "a person re-created by our own event is reported as left alone",
        _ANEW + "a_person_recreated_by_an_event_of_the_job_is_reported_as_such",
        _MACHINE, "if properties in _SENT or state.person.reason is Reason.LOST_AFTER_CHANGE_SENT:", "if state.person.reason is Reason.LOST_AFTER_CHANGE_SENT:",
    ),
    twin(
        22,
        "a person that is gone after an event was sent is not read again",
        _ANEW + "a_person_recreated_by_an_event_of_the_job_is_reported_as_such",
        "bulk/execution/run.py", "return await self._poller.watch_missing(budget)", "return",
    ),
    twin(
        22,
        "an event waits for its connection for as long as it takes",
        _ANEW + "an_event_that_cannot_be_sent_soon_is_not_sent",
        "asyncclient/_transport/session.py", "connect=min(connect_s, CONNECTED_WITHIN_S) if to_ingestion else connect_s", "connect=connect_s",
    ),
    twin(
        12,
        "keys that were accepted before an error are removed again",
        _BLOCKS + "keys_that_were_accepted_before_an_error_are_not_removed_again",
        _SENDER, "                    job.record_outcome(attempt, result, numbers)\n                    self._note_keys_sent(call, numbers, batch, block)\n", "                    job.record_outcome(attempt, result, numbers)\n",
    ),
    twin(
        22,
        "verify does not report persons that disappeared since",
        _ANEW + "verify_reports_persons_lost_after_their_properties_were_read",
        "bulk/verification/verification.py", "        Properties.CHANGED_CONFIRMED,\n        Properties.FOUND_CHANGED,\n        Properties.ALREADY_AS_DESIRED,\n        Properties.CONTRADICTED,\n",
        "        Properties.CONTRADICTED,\n",
    ),
    twin(
        23,
        "an id that many share addresses a person that has another",
        (
            "bulk/selection/test_event_distinct_id.py::test_the_first_of_several_usable_ids_is_picked",
            _OTHERS + "a_placeholder_id_is_avoided_if_the_person_has_another",
        ),
        "bulk/selection/event_distinct_id.py", "if _is_usable(distinct_id) and not is_placeholder(distinct_id):", "if _is_usable(distinct_id):",
    ),
    twin(
        23,
        "an event goes by an id that ingestion cuts",
        (
            "bulk/selection/test_event_distinct_id.py::test_a_blank_too_long_or_broken_id_is_never_picked",
            _OTHERS + "a_person_that_no_event_can_address_gets_a_call_in_the_same_job",
        ),
        "bulk/selection/event_distinct_id.py", "MAX_LENGTH = 200", "MAX_LENGTH = 400",
    ),
    twin(
        24,
        "no test batch goes before changes",
        (
            _LOST + "a_server_that_applies_nothing_is_detected_by_the_test_batch",
            _BLOCKS + "a_test_batch_of_single_calls_goes_first",
        ),
        "bulk/execution/run.py", "if self._job.target_states.test_batch is None:", "if False:",
    ),
    twin(
        24,
        "after a test batch whose attempts all failed the next one starts",
        (
            "integration/breaking/test_breaking.py::test_a_server_that_queues_nothing_is_detected_before_any_person_is_deleted",
            _PARTS + "a_server_whose_rows_never_appear_is_detected_by_the_test_batch",
        ),
        "bulk/execution/run.py", "if all_attempts_failed(target_states, axis, numbers):", "if False:",
    ),
    twin(
        24,
        "a test batch that changed no person is good enough",
        _LOST + "a_server_that_applies_nothing_is_detected_by_the_test_batch",
        "bulk/execution/run.py", "Person.CONTRADICTED, Properties.ACCEPTED, Properties.CONTRADICTED})", "Person.CONTRADICTED})",
        "bulk/execution/run.py", "            if proven:\n", "            if True:\n",
    ),
    twin(
        24,
        "persons deleted by the test batch of a part are not noticed",
        _PARTS + "kept_persons_that_disappear_from_the_test_batch_stop_the_job",
        "bulk/execution/run.py", "if self._job.primary_axis in (Axis.EVENTS, Axis.RECORDINGS):", "if False:",
    ),
    twin(
        26,
        "the token of another project is used",
        _ROUTES + "the_token_of_another_project_is_refused_before_any_change",
        "bulk/posthog/strategy.py", "if same is False and project_token is not None:", "if False:",
    ),
    twin(
        27,
        "a journal holds the values that are set",
        (
            "bulk/test_operations.py::test_the_operation_in_a_journal_has_keys_and_no_values",
            _SECRECY + "no_value_and_no_identifier_is_in_journal_report_events_log_or_errors",
        ),
        "bulk/operations.py", '    if "properties" not in fields:\n', "    if True:\n",
    ),
    twin(
        27,
        "an operation shows its values",
        "bulk/test_operations.py::test_the_operation_in_a_journal_has_keys_and_no_values",
        "bulk/operations.py", "    def __repr__(self) -> str:  # values can identify persons", "    def shown(self) -> str:",
    ),
    twin(
        27,
        "a bad value is in the error about it",
        _SECRECY + "an_error_about_a_value_does_not_contain_it",
        "asyncclient/_protocol/endpoints/properties.py", "{label} has {problem}, which the server cannot store",
        "{label} has {problem}, which the server cannot store: {value!a}",
    ),
    twin(
        29,
        "keys that a person does not have are removed anyway",
        _PROPERTIES + "only_keys_that_a_person_has_are_removed_by_rest",
        _SENDER, "self._removals(n, target.keys)", "self._removals(n, tuple(self._context.job.operation.keys))",
    ),
    twin(
        7,
        "a later run tries again whether the server takes a list of keys",
        _LISTS + "a_later_run_makes_no_trial_again",
        _TARGET_STATES, "                self.takes_key_list = record.taken\n", "                pass\n",
    ),
    twin(
        11,
        "the server is assumed to take a list of keys",
        _LISTS + "an_older_server_gets_one_call_per_person_and_property",
        _SENDER, "in_one_call=may_send_list and target_states.takes_key_list is True", "in_one_call=may_send_list",
    ),
    twin(
        11,
        "a server that applied one key is said to take a list of keys",
        _LISTS + "an_older_server_gets_one_call_per_person_and_property",
        "bulk/execution/unset/removals.py", "return False if keys[0] not in left else None", "return keys[0] not in left or None",
    ),
    twin(
        11,
        "calls with one key each show that the server takes a list of keys",
        _LISTS + "a_trial_that_fails_leads_to_no_wrong_result",
        _TRIAL, "if not group.tried:", "if not self._is_open:",
    ),
    twin(
        11,
        "a list of keys that the server ignored is sent again as a list",
        _LISTS + "a_server_that_takes_no_list_any_more_gets_one_call_per_property",
        _SENDER, "len(keys) > 1 and target_states.attempts[number] == 0", "len(keys) > 1",
    ),
    twin(
        12,
        "a person is rejected because the server refuses a list of keys",
        _LISTS + "an_older_server_gets_one_call_per_person_and_property",
        _VERDICTS, "next_action = NextAction.READ_BACK if rejected else result.next_action", "next_action = result.next_action",
    ),
    twin(
        23,
        "a person is tried whose property an older server removes by mistake",
        _LISTS + "a_property_whose_name_is_the_joined_keys_is_not_removed",
        _TRIAL, "        return name in person.properties\n", "        return False\n",
    ),
    twin(
        29,
        "recordings are deleted with the events",
        _PARTS + "events_are_queued_rows_are_read_back_and_all_persons_stay",
        _CALLS, "delete_recordings=Axis.RECORDINGS in call.axes", "delete_recordings=True",
    ),
)  # fmt: skip
