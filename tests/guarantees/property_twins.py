"""Slips in what changes properties and in what deletes events or recordings alone: promises 1, 2, 6, 7, 10 to 13, 17,
19 to 24, 26, 27 and 29."""

from twin import Twin, twin

_EXECUTOR = "bulk/execution/group_executor.py"
_DISPATCH = "bulk/posthog/calls.py"
_LEDGER = "bulk/journal/target_states.py"
_VERIFIER = "bulk/verification/verifier.py"
_MACHINE = "bulk/targets/state_machine.py"
_VERDICTS = "bulk/posthog/attempt_result.py"
_PROPERTIES = "integration/test_properties.py::test_"
_BLOCKS = "integration/test_properties_blocks.py::test_"
_LIMITS = "integration/test_properties_limits.py::test_"
_LOST = "integration/test_properties_lost.py::test_"
_OTHERS = "integration/test_properties_others.py::test_"
_ANEW = "integration/test_properties_anew.py::test_"
_ROUTES = "integration/test_properties_routes.py::test_"
_SECRECY = "integration/test_properties_secrecy.py::test_"
_PARTS = "integration/test_parts.py::test_"

PROPERTIES: tuple[Twin, ...] = (
    twin(
        1,
        "the intent of a block names only its first target",
        _BLOCKS + "no_request_arrives_before_its_intent_was_synced",
        _EXECUTOR, "                            numbers,\n                            client.server_time(),",
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
        "what a block did not reach is called sent",
        (
            "bulk/journal/test_target_states.py::test_a_block_leaves_what_was_not_reached_as_it_was",
            _BLOCKS + "a_stop_in_the_middle_of_a_block_ends_at_once_and_is_noted_exactly",
        ),
        _LEDGER, "reached = intent.targets if record.reached is None else record.reached", "reached = intent.targets",
    ),
    twin(
        2,
        "a stopped block is not noted",
        _BLOCKS + "a_stop_in_the_middle_of_a_block_ends_at_once_and_is_noted_exactly",
        _EXECUTOR, "                job.record_answer(attempt, block.verdict(), numbers)\n", "",
    ),
    twin(
        2,
        "what was so before is claimed",
        _PROPERTIES + "who_is_as_asked_already_is_sent_nothing_and_told_apart",
        _MACHINE, "Properties.UNTOUCHED: Properties.DONE_BEFORE,", "Properties.UNTOUCHED: Properties.DONE,",
    ),
    twin(
        2,
        "a lost answer to events counts as an accepted one",
        _LOST + "what_was_answered_is_told_apart_from_what_was_found",
        _MACHINE, "Properties.UNKNOWN: Properties.DONE_SETTLED,", "Properties.UNKNOWN: Properties.DONE,",
    ),
    twin(
        6,
        "a journal of the same keys and other values is taken",
        _SECRECY + "another_operation_of_the_same_keys_does_not_go_on_with_this_journal",
        "bulk/journal/binding.py", '        ("plan digest", job.plan_digest, plan.digest),\n', "",
    ),
    twin(
        7,
        "what a block had done before an error is sent again",
        _BLOCKS + "what_came_before_an_error_is_kept_and_only_the_rest_is_sent_again",
        _DISPATCH, "            accepted=tuple(range(self.done)),\n            requests=self.requests + 1,",
        "            accepted=(),\n            requests=self.requests + 1,",
    ),
    twin(
        7,
        "what is done is sent again",
        _PROPERTIES + "done_jobs_send_nothing_again_and_verify_says_so",
        "bulk/execution/next_step.py", "if properties in (Properties.UNTOUCHED, Properties.AGAIN):",
        "if properties in (Properties.UNTOUCHED, Properties.AGAIN, Properties.REQUESTED):",
    ),
    twin(
        10,
        "a block is one attempt however many requests it makes",
        (
            _PROPERTIES + "attempts_in_the_journal_are_the_requests_that_were_made",
            _BLOCKS + "whatever_goes_wrong_in_the_middle_everybody_is_right_in_the_end",
        ),
        _EXECUTOR, "                            requests=call.requests(batch),\n", "",
        _DISPATCH, "            requests=self.requests + 1,\n", "            requests=1,\n",
    ),
    twin(
        11,
        "an event of unknown fate is sent again unread",
        _LOST + "an_event_of_unknown_fate_is_read_before_it_is_sent_again",
        _VERDICTS, '(TimedOut, "unknown", NextAction.READ_AND_HALVE),', '(TimedOut, "failed", NextAction.AGAIN),',
    ),
    twin(
        11,
        "properties of unknown fate are not read",
        "bulk/execution/test_next_step.py::test_properties_are_sent_until_they_are_accepted_and_again_when_they_were_not_applied",
        "bulk/execution/next_step.py", "person is Person.UNKNOWN or properties is Properties.UNKNOWN", "person is Person.UNKNOWN",
    ),
    twin(
        11,
        "a change that was accepted and lost is never sent again",
        (
            _LOST + "lost_events_are_found_by_reading_and_sent_again",
            _LOST + "calls_that_the_server_accepts_and_loses_are_made_again",
        ),
        "bulk/verification/completion_poller.py", "        if not self._overdue():\n            return 0\n", "        return 0\n",
    ),
    twin(
        12,
        "one rejected person fails its whole block",
        _BLOCKS + "who_is_rejected_has_failed_and_the_others_of_the_block_have_not",
        _EXECUTOR, "meant = numbers if verdict.at is None else [numbers[verdict.at]]", "meant = numbers",
    ),
    twin(
        12,
        "a rejected person is sent again",
        _BLOCKS + "who_is_rejected_has_failed_and_the_others_of_the_block_have_not",
        _VERDICTS, '(BadRequest, "unknown", NextAction.READ_AND_REJECT),', '(BadRequest, "unknown", NextAction.READ),',
    ),
    twin(
        12,
        "a lost change is sent for ever",
        _LOST + "who_is_never_changed_is_named_and_nobody_else",
        "bulk/verification/completion_poller.py", "MOST_CHANGES = 5", "MOST_CHANGES = 6",
    ),
    twin(
        12,
        "a person that takes long spends its attempts on waiting",
        _LIMITS + "persons_that_take_longer_than_a_reading_is_good_for_are_done_all_the_same",
        _EXECUTOR, "job.refund(numbers[block.done :])", "job.refund(numbers[block.reached :])",
    ),
    twin(
        12,
        "only the first failures of a capture host count",
        _LOST + "a_capture_host_that_never_answers_ends_the_job_in_a_quarter_of_an_hour",
        "bulk/execution/batch_policy.py", 'always=call.route == "capture" and not refused(verdict)', "always=False",
    ),
    twin(
        7,
        "keys of a person whose block was interrupted are removed again",
        _LIMITS + "persons_that_take_longer_than_a_reading_is_good_for_are_done_all_the_same",
        _EXECUTOR, "                self._note_keys_sent(call, numbers, batch, block)\n            raise\n", "            raise\n",
    ),
    twin(
        13,
        "what a killed block had under way counts for nothing",
        (
            "bulk/journal/test_limit_usage.py::test_a_killed_block_of_changes_counts_beside_the_reads",
            "bulk/journal/test_target_states.py::test_a_block_that_a_kill_cut_off_is_unknown_and_every_request_of_it_counts",
        ),
        "bulk/journal/limit_usage.py", "found[bucket] = found.get(bucket, 0) + count", "found[bucket] = count",
    ),
    twin(
        13,
        "a block counts as one request in the windows",
        _LIMITS + "requests_of_a_stopped_block_are_charged_one_by_one",
        _LEDGER, "self.usage.request(intent.bucket, record.at, times=made)", "self.usage.request(intent.bucket, record.at)",
    ),
    twin(
        13,
        "planned reads are not counted against changes",
        _LIMITS + "reads_of_the_planning_count_too",
        "bulk/execution/open_job.py", "spent=plan.spent", "spent={}",
    ),
    twin(
        17,
        "a stop waits for the leave of a block's next request",
        _BLOCKS + "a_stop_in_the_middle_of_a_block_ends_at_once_and_is_noted_exactly",
        _EXECUTOR, "CallBlock(answered=lambda: gate.waiting(scope))", "CallBlock(answered=lambda: None)",
    ),
    twin(
        19,
        "persons whose events alone are to go are deleted",
        _PARTS + "events_are_queued_rows_read_back_and_everybody_stays",
        _DISPATCH, "keep_person=Axis.PERSON not in call.axes", "keep_person=Axis.EVENTS not in call.axes",
    ),
    twin(
        20,
        "an old row is taken for a fresh one",
        _PARTS + "a_pending_row_from_before_holds_the_events_back_until_it_has_run",
        _MACHINE, "Observation.ROW_OLDER_PENDING: Standing(Events.HELD),", "Observation.ROW_OLDER_PENDING: Standing(Events.QUEUED),",
    ),
    twin(
        21,
        "an accepted change is taken for done",
        (
            _LOST + "lost_events_are_found_by_reading_and_sent_again",
            _LOST + "who_is_never_changed_is_named_and_nobody_else",
        ),
        "bulk/states.py", "    Axis.PROPERTIES: Properties.REQUESTED,\n", "    Axis.PROPERTIES: Properties.DONE,\n",
    ),
    twin(
        21,
        "a query is believed whatever the store says",
        (
            "integration/test_facts.py::test_a_query_that_does_not_name_a_merged_person_does_not_make_it_done",
            _ANEW + "whom_our_own_events_made_anew_is_found_though_a_query_reads_the_others_back",
            _ROUTES + "a_query_that_contradicts_the_store_is_not_believed",
        ),
        "bulk/verification/completion_poller.py", "            await self._read(self._not_named(named))\n",
        "            for some in self._not_named(named):\n"
        "                self._job.observe('listing', dict.fromkeys(some, (Observation.PRESENT_AS_DESIRED,)))\n",
    ),
    twin(
        21,
        "a null counts as absent",
        (
            "bulk/test_property_checks.py::test_a_null_is_a_property",
            _PROPERTIES + "a_null_is_a_value_to_be_set_and_a_property_to_be_removed",
        ),
        "bulk/property_checks.py", "(key for key in self.absent if key in properties)",
        "(key for key in self.absent if properties.get(key) is not None)",
    ),
    twin(
        22,
        "a person is not read again after a long wait",
        (
            _OTHERS + "who_changed_while_a_batch_waited_to_leave_is_sent_no_event",
            _OTHERS + "who_vanishes_in_the_middle_of_a_long_block_is_sent_nothing_more",
        ),
        _EXECUTOR, "raise _Stale\n", "pass\n",
    ),
    twin(
        22,
        "a re-created person is changed",
        _OTHERS + "who_changed_between_plan_and_run_is_sent_nothing",
        _VERIFIER, " and abs(target.created_at - person.created_at) < SAME_INSTANT", "",
    ),
    twin(
        22,
        "whom nobody finds any more is sent an event all the same",
        (
            _OTHERS + "who_changed_between_plan_and_run_is_sent_nothing",
            _OTHERS + "the_properties_of_the_deleted_are_gone_but_cannot_be_set",
        ),
        _EXECUTOR, "        seen = await self._context.verifier.check_store(numbers)\n",
        "        before = dict(zip(numbers, [self._job.target_states.properties(n) for n in numbers]))\n"
        "        targets = self._job.targets(numbers)\n"
        "        from bulk.journal.records import Change as change\n"
        "        seen = await self._context.verifier.check_store(numbers)\n"
        "        for n in set(numbers) - seen.here.keys():\n"
        "            self._job._settle('store', (change('properties', before[n].name.lower(), str(n)),))\n"
        "            self._checked[n] = _VerifiedTarget(uuid=targets[n].uuid, distinct_id=targets[n].distinct_id or 'x', keys=('plan',), at=seen.asked_at)\n",
    ),
    twin(
        22,
        "an event goes to whom was read a minute ago",
        _ANEW + "who_is_deleted_while_others_of_a_group_are_sent_is_made_anew_by_no_event",
        _EXECUTOR, "EVENT_CHECK_GOOD_FOR_S = 10.0", "EVENT_CHECK_GOOD_FOR_S = 60.0",
    ),
    twin(
        22,
        "whom our own event made anew is said to have been left alone",
        _ANEW + "whom_our_own_event_made_anew_is_called_that",
        _MACHINE, "if properties in _SENT or state.person.reason is Reason.SINCE_SENT:", "if state.person.reason is Reason.SINCE_SENT:",
    ),
    twin(
        22,
        "who is gone after an event was sent is not looked at again",
        _ANEW + "whom_our_own_event_made_anew_is_called_that",
        "bulk/execution/run.py", "return await self._confirmer.watch_missing(waiting)", "return",
    ),
    twin(
        22,
        "an event waits for its connection for as long as it takes",
        _ANEW + "an_event_that_cannot_leave_soon_does_not_leave",
        "asyncclient/_aiohttp/wire.py", "return _CONNECTED_SOON if request.to_ingestion else _NO_TIMEOUT", "return _NO_TIMEOUT",
    ),
    twin(
        12,
        "keys that were accepted before an error are removed again",
        _BLOCKS + "keys_that_were_accepted_before_an_error_are_not_removed_again",
        _EXECUTOR, "                    job.record_answer(attempt, verdict, numbers)\n                    self._note_keys_sent(call, numbers, batch, block)\n", "                    job.record_answer(attempt, verdict, numbers)\n",
    ),
    twin(
        22,
        "verify says nothing of persons who went since",
        _ANEW + "verify_names_who_went_since_the_properties_were_as_asked",
        "bulk/execution/run.py", "        Properties.DONE,\n        Properties.DONE_SETTLED,\n        Properties.DONE_BEFORE,\n        Properties.CONTRADICTED,\n",
        "        Properties.CONTRADICTED,\n",
    ),
    twin(
        23,
        "an id that many share addresses a person that has another",
        (
            "bulk/selection/test_event_distinct_id.py::test_the_first_of_several_good_ones_is_taken",
            _OTHERS + "an_id_that_stands_for_many_is_avoided_where_the_person_has_another",
        ),
        "bulk/selection/event_distinct_id.py", "own = [each for each in usable if not is_shared(each)] or usable", "own = usable",
    ),
    twin(
        23,
        "an event goes by an id that ingestion cuts",
        (
            "bulk/selection/test_event_distinct_id.py::test_nobody_can_be_addressed_by_what_is_blank_long_or_broken",
            _OTHERS + "whom_no_event_can_address_gets_a_call_in_the_same_job",
        ),
        "bulk/selection/event_distinct_id.py", "LONGEST = 200", "LONGEST = 400",
    ),
    twin(
        24,
        "no canary goes before changes",
        (
            _LOST + "a_server_that_applies_nothing_is_found_out_by_the_canary",
            _BLOCKS + "a_canary_of_calls_goes_first",
        ),
        "bulk/execution/run.py", "if self._job.target_states.test_batch is None:", "if False:",
    ),
    twin(
        24,
        "a canary whose every attempt failed is followed by the next",
        (
            "integration/test_breaking.py::test_a_server_that_queues_nothing_is_caught_before_anybody_is_deleted",
            _PARTS + "a_server_whose_rows_never_appear_is_stopped_by_the_canary",
        ),
        "bulk/execution/run.py", "            self._stop_if_all_failed(numbers)\n", "",
    ),
    twin(
        24,
        "a canary that changed nobody is good enough",
        _LOST + "a_server_that_applies_nothing_is_found_out_by_the_canary",
        "bulk/execution/run.py", "Person.CONTRADICTED, Properties.REQUESTED, Properties.CONTRADICTED})", "Person.CONTRADICTED})",
        "bulk/execution/run.py", "            if proven:\n", "            if True:\n",
    ),
    twin(
        24,
        "whom a part's test_batch deleted is not missed",
        _PARTS + "persons_who_vanish_in_the_canary_although_they_are_kept_stop_the_job",
        "bulk/execution/run.py", "if self._job.lead in (Axis.EVENTS, Axis.RECORDINGS):", "if False:",
    ),
    twin(
        26,
        "the token of another project is used",
        _ROUTES + "the_token_of_another_project_is_refused_before_anything_is_sent",
        "bulk/posthog/strategy.py", "if same is False and project_token is not None:", "if False:",
    ),
    twin(
        27,
        "a journal holds the values that are set",
        (
            "bulk/test_operations.py::test_a_journal_gets_keys_and_no_values",
            _SECRECY + "no_value_and_nobody_is_in_journal_report_events_log_or_errors",
        ),
        "bulk/operations.py", '    if "properties" not in fields:\n', "    if True:\n",
    ),
    twin(
        27,
        "an operation shows its values",
        "bulk/test_operations.py::test_a_journal_gets_keys_and_no_values",
        "bulk/operations.py", "    def __repr__(self) -> str:  # the values speak of persons", "    def shown(self) -> str:",
    ),
    twin(
        27,
        "a bad value is in the error about it",
        _SECRECY + "a_value_is_in_no_error_about_it",
        "asyncclient/_protocol/endpoints/properties.py", "{called} has {problem}, which the server cannot store",
        "{called} has {problem}, which the server cannot store: {value!a}",
    ),
    twin(
        29,
        "keys that a person does not have are removed by a call each",
        _PROPERTIES + "only_keys_that_a_person_has_are_removed_by_rest",
        _DISPATCH, "for key in one.keys:", "for key in operation.keys:",
    ),
    twin(
        29,
        "recordings are deleted with the events",
        _PARTS + "events_are_queued_rows_read_back_and_everybody_stays",
        _DISPATCH, "delete_recordings=Axis.RECORDINGS in call.axes", "delete_recordings=True",
    ),
)  # fmt: skip
