"""Mistakes in the choice of requests and their order: guarantees 1, 2, 7, 10 to 12, 17, 19, 20, 22, 23, 29 and 36."""

from twin import Twin, twin

_NEXT_STEP = "bulk/execution/next_step.py"
_RESUME = "integration/resuming/test_resume.py::test_"
_SENDER = "bulk/execution/batch_sender.py"
_BLOCKS = "integration/properties/failures/test_properties_blocks.py::test_"
_PROPERTIES = "integration/properties/test_properties.py::test_"
_CALLS = "bulk/posthog/calls.py"
_EXECUTOR = "bulk/execution/group_executor.py"
_LIMITS = "integration/properties/test_properties_limits.py::test_"
_OTHERS = "integration/properties/test_properties_others.py::test_"
_ANEW = "integration/properties/test_properties_anew.py::test_"
_LISTS = "integration/properties/test_properties_key_lists.py::test_"
_TRIAL = "bulk/execution/unset/key_list_trial.py"
_WALK = "bulk/targets/test_state_machine.py::test_"
_UNDO = "integration/properties/test_undo.py::test_"

SENDING: tuple[Twin, ...] = (
    twin(
        1,
        "the intent of a block names only its first target",
        _BLOCKS + "no_request_arrives_before_its_intent_was_synced",
        _SENDER,
        "                            numbers,\n                            client.server_time(),",
        "                            numbers[:1],\n                            client.server_time(),",
    ),
    twin(
        2,
        "a stopped block is not recorded",
        "integration/properties/failures/test_interrupted_blocks.py::test_a_stop_within_a_block_ends_at_once_and_is_recorded_exactly",
        _SENDER,
        "                job.record_outcome(attempt, block.result(), numbers)\n",
        "",
    ),
    twin(
        7,
        "an accepted request is sent again",
        (
            "integration/erasure/test_erasure_failures.py::test_an_exact_success_is_never_sent_again",
            "bulk/execution/test_next_step.py::test_final_accepted_and_held_back_targets_have_no_next_step",
        ),
        _NEXT_STEP,
        "person in (Person.ACCEPTED, Person.HELD_BACK)",
        "person is Person.HELD_BACK",
    ),
    twin(
        7,
        "targets left open by a kill are never read",
        _RESUME + "a_job_cancelled_after_any_request_converges",
        _NEXT_STEP,
        "        return Step.READ_PERSONS\n",
        "        return Step.NOTHING\n",
    ),
    twin(
        7,
        "done targets are sent again",
        _PROPERTIES + "a_done_job_sends_nothing_again_and_verify_confirms_it",
        "bulk/execution/next_step.py",
        "if properties in (Properties.NOT_STARTED, Properties.TO_RETRY):",
        "if properties in (Properties.NOT_STARTED, Properties.TO_RETRY, Properties.ACCEPTED):",
    ),
    twin(
        7,
        "keys of a person whose block was interrupted are removed again",
        _LIMITS + "persons_whose_calls_outlast_their_read_are_still_done",
        _SENDER,
        "                self._note_keys_sent(call, numbers, batch, block)\n            raise\n",
        "            raise\n",
    ),
    twin(
        10,
        "a block counts as one attempt",
        (
            _PROPERTIES + "the_journal_counts_exactly_the_requests_that_were_sent",
            _BLOCKS
            + "a_job_ends_right_for_every_person_after_any_failure_within_a_block[unset-status-call-500-before-0.0]",
        ),
        _SENDER,
        "                            requests=call.requests(batch),\n",
        "",
        _CALLS,
        "            requests=self.requests + 1,\n",
        "            requests=1,\n",
    ),
    twin(
        11,
        "properties with an unknown outcome are not read",
        "bulk/execution/test_next_step.py::test_properties_are_sent_until_accepted_and_again_if_not_applied",
        "bulk/execution/next_step.py",
        "person is Person.UNKNOWN or properties is Properties.UNKNOWN",
        "person is Person.UNKNOWN",
    ),
    twin(
        11,
        "the server is assumed to take a list of keys",
        _LISTS + "an_older_server_gets_one_call_per_person_and_property",
        _SENDER,
        "in_one_call=may_send_list and target_states.takes_key_list is True",
        "in_one_call=may_send_list",
    ),
    twin(
        11,
        "a server that applied one key is said to take a list of keys",
        _LISTS + "an_older_server_gets_one_call_per_person_and_property",
        "bulk/execution/unset/removals.py",
        "return False if keys[0] not in left else None",
        "return keys[0] not in left or None",
    ),
    twin(
        11,
        "calls with one key each show that the server takes a list of keys",
        _LISTS + "a_trial_that_fails_leads_to_no_wrong_result",
        _TRIAL,
        "if not group.tried:",
        "if not self._is_open:",
    ),
    twin(
        11,
        "a list of keys that the server ignored is sent again as a list",
        _LISTS + "a_server_that_takes_no_list_any_more_gets_one_call_per_property",
        _SENDER,
        "not target.tests and target_states.attempts[number] == 0",
        "not target.tests",
    ),
    twin(
        11,
        "one call finds out about several properties that may be hidden",
        "integration/test_hidden_properties.py::test_a_refusal_names_the_hidden_property_and_not_one_that_nobody_has",
        _SENDER,
        "len(keys) > 1 and not target.tests and",
        "len(keys) > 1 and",
    ),
    twin(
        11,
        "a person that could not be read is read again in the same run",
        _WALK + "nothing_is_sent_for_a_person_that_is_lost_or_could_not_be_read",
        "bulk/execution/next_step.py",
        "    if any(standing.reason in UNREAD for standing in state):\n        return Step.NOTHING\n",
        "",
    ),
    twin(
        12,
        "a split waits for no outage",
        "integration/outages/test_outages_by_command.py::test_a_split_that_certainly_did_not_reach_the_server_is_sent_when_it_is_back",
        "bulk/execution/splitting/person_split.py",
        "with_outage_wait(client, retry_for_s, on_outage=on_progress)",
        "with_outage_wait(client, 0.0, on_outage=on_progress)",
    ),
    twin(
        12,
        "an outage is not shown while requests for events are verified",
        "bulk/cli/commands/without_person/test_without_person.py::test_verify_says_that_it_waits_for_the_server",
        "bulk/cli/commands/verify.py",
        "settings.retry_for_s, on_outage=display)",
        "settings.retry_for_s)",
    ),
    twin(
        12,
        "an outage spends the attempts of persons",
        "integration/outages/test_outages_and_failures.py::test_outages_spend_no_attempt_no_retry_and_do_not_open_the_breaker",
        "bulk/execution/group_executor.py",
        "        if in_outage:\n            self._job.refund(numbers[result.failed_at or 0 :])\n",
        "",
    ),
    twin(
        12,
        "one rejected person fails its whole block",
        _BLOCKS + "a_rejected_person_fails_and_the_others_of_its_block_do_not",
        _EXECUTOR,
        "rejected = numbers if result.failed_at is None else [numbers[result.failed_at]]",
        "rejected = numbers",
    ),
    twin(
        12,
        "waiting for a slow person uses up its attempts",
        _LIMITS + "persons_whose_calls_outlast_their_read_are_still_done",
        _SENDER,
        "job.refund(numbers[block.done :])",
        "job.refund(numbers[block.reached :])",
    ),
    twin(
        12,
        "keys that were accepted before an error are removed again",
        _BLOCKS + "keys_that_were_accepted_before_an_error_are_not_removed_again[20.0]",
        _SENDER,
        "                    job.record_outcome(attempt, result, numbers)\n                    self._note_keys_sent(call, numbers, batch, block)\n",
        "                    job.record_outcome(attempt, result, numbers)\n",
    ),
    twin(
        17,
        "a stop waits until a block's next request may leave",
        "integration/properties/failures/test_interrupted_blocks.py::test_a_stop_within_a_block_ends_at_once_and_is_recorded_exactly[unset-True]",
        _SENDER,
        "CallBlock(on_success=lambda: gate.make_cancellable(scope))",
        "CallBlock(on_success=lambda: None)",
    ),
    twin(
        19,
        "a person is deleted before its row was read back",
        "bulk/execution/test_next_step.py::test_no_person_is_deleted_before_its_events_are_known_to_be_queued",
        _NEXT_STEP,
        "Events.UNVERIFIABLE})",
        "Events.UNVERIFIABLE, Events.ACCEPTED})",
        _NEXT_STEP,
        "    if events in (Events.ACCEPTED, Events.UNKNOWN):",
        "    if events is Events.UNKNOWN:",
    ),
    twin(
        19,
        "a later run repeats the call that deleted persons instead of keeping them",
        "integration/facts/test_kept_persons.py::test_after_kept_persons_were_deleted_no_later_run_sends_such_a_request",
        "bulk/execution/group_executor.py",
        "if call.keeps_persons and self._job.target_states.run_stats.kept_deleted:",
        "if False:",
    ),
    twin(
        20,
        "more events are queued before the persons are deleted whose rows are about to expire",
        "acceptance/job_model/test_slow_limits.py::test_a_job_that_outlasts_the_hour_for_which_events_may_stay_uncovered_ends",
        "bulk/execution/group_executor.py",
        "step, all_numbers = (Step.DELETE, expiring) if (expiring := self._expiring()) else first",
        "step, all_numbers = first",
        "bulk/execution/group_executor.py",
        "if Axis.EVENTS in axes and (self._clock() > started_at + EXPIRING_S or self._expiring()):",
        "if False:",
    ),
    twin(
        20,
        "a person whose events are held back is deleted",
        "bulk/execution/test_next_step.py::test_final_accepted_and_held_back_targets_have_no_next_step[Events.HELD_BACK-Person.HELD_BACK]",
        "bulk/execution/next_step.py",
        "person in (Person.ACCEPTED, Person.HELD_BACK)",
        "person is Person.ACCEPTED",
        "bulk/execution/next_step.py",
        "EVENTS_DONE = frozenset({Events.NOT_REQUESTED,",
        "EVENTS_DONE = frozenset({Events.HELD_BACK, Events.NOT_REQUESTED,",
    ),
    twin(
        22,
        "a person is not read again after a long wait",
        (
            _OTHERS + "persons_lost_while_their_batch_waited_get_no_event",
            _OTHERS + "a_person_that_disappears_during_a_long_block_gets_no_more_calls",
        ),
        _SENDER,
        "raise Stale\n",
        "pass\n",
    ),
    twin(
        22,
        "a person that is gone is sent an event",
        (
            _OTHERS + "persons_lost_between_plan_and_run_get_no_request",
            _OTHERS + "properties_of_deleted_persons_are_gone_but_cannot_be_set",
        ),
        _EXECUTOR,
        "        check = await self._context.verifier.check_persons(numbers)\n",
        "        before = dict(zip(numbers, [self._job.target_states.properties(n) for n in numbers]))\n"
        "        targets = self._job.targets(numbers)\n"
        "        from bulk.journal.records import Change as change\n"
        "        check = await self._context.verifier.check_persons(numbers)\n"
        "        for n in set(numbers) - check.present.keys():\n"
        "            self._job._record_changes('person_reads', (change('properties', before[n].name.lower(), str(n)),))\n"
        "            self._verified.add({n: VerifiedTarget(uuid=targets[n].uuid, distinct_id=targets[n].distinct_id or 'x', keys=('plan',), read_at=check.requested_at)})\n",
    ),
    twin(
        22,
        "an event goes to a person that was read a minute ago",
        (
            _ANEW + "a_person_deleted_while_its_group_is_sent_is_recreated_by_no_event",
            "acceptance/job_model/test_suspended.py::test_nothing_is_sent_for_a_person_that_was_last_read_before_a_suspend[update-capture-summary]",
        ),
        "bulk/execution/verified_targets.py",
        "READ_GOOD_FOR_EVENT_S = 10.0",
        "READ_GOOD_FOR_EVENT_S = 60.0",
    ),
    twin(
        23,
        "a person is tried whose property an older server removes by mistake",
        _LISTS + "a_property_whose_name_is_the_joined_keys_is_not_removed",
        _TRIAL,
        "        return name in person.properties\n",
        "        return False\n",
    ),
    twin(
        29,
        "keys that a person does not have are removed anyway",
        _PROPERTIES + "only_keys_that_a_person_has_are_removed_by_rest",
        _SENDER,
        "self._removals(n, target)",
        "self._removals(n, msgspec.structs.replace(target, keys=self._context.job.operation.keys))",
    ),
    twin(
        36,
        "an entry is written after the intent of its change",
        _UNDO + "each_entry_is_synced_before_the_intent_of_its_change",
        _SENDER,
        "                        await self._keep_before(numbers, batch)\n                        attempt =",
        "                        attempt =",
        _SENDER,
        "                            requests=call.requests(batch),\n                        )\n",
        "                            requests=call.requests(batch),\n                        )\n                        await self._keep_before(numbers, batch)\n",
    ),
)
