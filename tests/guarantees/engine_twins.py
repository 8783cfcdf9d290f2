"""Mistakes in the engine: guarantees 1, 2, 6, 7, 11 to 14 and 16 to 27."""

from twin import Twin, twin

_TARGET_STATES = "bulk/journal/target_states.py"
_STATUS_TABLE = "bulk/targets/status_table.py"
_VERIFIER = "bulk/verification/verifier.py"
_ATTEMPT_RESULT = "bulk/posthog/attempt_result.py"
_PREFLIGHT = "bulk/execution/preflight.py"
_NEXT_STEP = "bulk/execution/next_step.py"
_MACHINE = "bulk/targets/state_machine.py"
_ERASURE = "integration/erasure/test_erasure.py::test_"
_BREAKING = "integration/breaking/test_breaking.py::test_"
_RESUME = "integration/resuming/test_resume.py::test_"

ENGINE: tuple[Twin, ...] = (
    twin(
        1,
        "a request leaves before its intent is synced",
        "integration/resuming/test_write_ahead.py::test_no_request_arrives_before_its_intent_was_synced",
        "bulk/journal/job_log.py", "        await self.wait_durable()\n        return attempt", "        self.flush()\n        return attempt",
    ),
    twin(
        1,
        "an intent is written after the request",
        (
            "integration/resuming/test_write_ahead.py::test_no_request_arrives_before_its_intent_was_synced",
            _RESUME + "no_request_arrives_before_its_intent_is_in_the_journal",
        ),
        "asyncclient/_transport/rate_limited.py", "            if before_send is not None:\n                await before_send()\n", "",
        "asyncclient/_transport/rate_limited.py", "            status = response.status\n        except",
        "            status = response.status\n            if before_send is not None:\n"
        "                await before_send()\n        except",
    ),
    twin(
        2,
        "an attempt interrupted by a kill is forgotten",
        (
            "bulk/journal/test_target_states.py::test_an_attempt_without_a_result_is_unknown_only_after_its_process_is_gone",
            "bulk/report/test_report.py::test_attempts_left_open_by_a_kill_are_unknown_in_the_report",
        ),
        _TARGET_STATES, "            self._set_axes(intent.axes, intent.targets, accepted=False)\n        interrupted", "            pass\n        interrupted",
    ),
    twin(
        2,
        "a lost response counts as an accepted one",
        "integration/erasure/test_found_settled.py::test_persons_whose_deletion_got_no_response_have_a_state_of_their_own",
        _MACHINE, "    Person.UNKNOWN: Person.FOUND_DELETED,\n", "    Person.UNKNOWN: Person.DELETED_CONFIRMED,\n",
    ),
    twin(
        2,
        "the counts of an axis do not add up",
        "bulk/journal/test_target_states.py::test_the_counts_of_each_axis_add_up_to_the_plan",
        _STATUS_TABLE, "counts[value] -= before.count(value)", "counts[value] -= 1",
    ),
    twin(
        6,
        "a journal of another plan is accepted",
        "bulk/journal/test_binding.py::test_a_journal_of_another_job_is_refused_with_what_differs",
        "bulk/journal/binding.py", '        ("plan digest", job.plan_digest, plan.digest),\n', "",
    ),
    twin(
        6,
        "a journal of an earlier plan for the same persons is accepted",
        "bulk/journal/test_binding.py::test_a_journal_of_another_job_is_refused_with_what_differs",
        "bulk/journal/binding.py", '        ("time of planning", job.planned_at, plan.header.created_at),\n', "",
    ),
    twin(
        32,
        "a plan that is made again has another digest",
        "bulk/plan/planner/test_planner_queries.py::test_the_same_data_gives_the_same_plan_whenever_planning_was_cancelled",
        "bulk/plan/plan_writer.py", "self._append(without_time(header))", "self._append(header)",
    ),
    twin(
        6,
        "a journal of another operation is accepted",
        "bulk/journal/test_binding.py::test_a_journal_of_another_job_is_refused_with_what_differs",
        "bulk/journal/binding.py", '        ("operation", job.operation, without_values(plan.header.operation)),\n', "",
    ),
    twin(
        6,
        "a journal of another project is accepted",
        "bulk/journal/test_binding.py::test_a_journal_of_another_job_is_refused_with_what_differs",
        "bulk/journal/binding.py", '        ("project", job.project, plan.header.project_id),\n', "",
    ),
    twin(
        6,
        "a client of another project is accepted",
        _RESUME + "a_client_of_another_project_is_refused",
        _PREFLIGHT, "if plan.header.project_id != project_id:", "if False:",
    ),
    twin(
        6,
        "a journal of another format is read as if it were of this one",
        "bulk/journal/test_replay.py::test_a_journal_of_format_1_is_refused_with_what_to_do_and_stays_as_it_is",
        "bulk/journal/replay.py", "    if stated and int(stated[1]) != FORMAT:\n", "    if False:\n",
    ),
    twin(
        7,
        "an accepted request is sent again",
        (
            "integration/erasure/test_erasure_failures.py::test_an_exact_success_is_never_sent_again",
            "bulk/execution/test_next_step.py::test_final_accepted_and_held_back_targets_have_no_next_step",
        ),
        _NEXT_STEP, "person in (Person.ACCEPTED, Person.HELD_BACK)", "person is Person.HELD_BACK",
    ),
    twin(
        7,
        "targets left open by a kill are never read",
        _RESUME + "a_job_cancelled_after_any_request_converges",
        _NEXT_STEP, "        return Step.READ_PERSONS\n", "        return Step.NOTHING\n",
    ),
    twin(
        11,
        "a 2xx is a success with any counts",
        "bulk/posthog/test_attempt_result.py::test_only_a_response_with_exact_counts_is_a_success",
        _ATTEMPT_RESULT, "    counts_right = summary.persons_found == len(uuids) and _is_complete(summary, axes, len(failed))",
        "    counts_right = True",
    ),
    twin(
        11,
        "after an unknown outcome the request is sent again without a read",
        "integration/erasure/test_found_settled.py::test_persons_whose_deletion_got_no_response_have_a_state_of_their_own",
        _ATTEMPT_RESULT, '(TransportError, "unknown", NextAction.READ_BACK),', '(TransportError, "failed", NextAction.RETRY),',
        _ATTEMPT_RESULT, '(ServerError, "unknown", NextAction.READ_BACK_AND_HALVE),', '(ServerError, "failed", NextAction.RETRY),',
    ),
    twin(
        11,
        "time-outs are not halved",
        "integration/erasure/test_erasure_failures.py::test_persons_too_heavy_for_bulk_get_single_calls",
        _ATTEMPT_RESULT, '(TimedOut, "unknown", NextAction.READ_BACK_AND_HALVE),', '(TimedOut, "unknown", NextAction.READ_BACK),',
        _ATTEMPT_RESULT, '(ServerError, "unknown", NextAction.READ_BACK_AND_HALVE),', '(ServerError, "unknown", NextAction.READ_BACK),',
    ),
    twin(
        12,
        "a rejected batch is sent again",
        "integration/erasure/test_erasure_failures.py::test_a_rejection_is_narrowed_to_the_person_at_fault_which_is_never_sent_again",
        _ATTEMPT_RESULT, '(BadRequest, "unknown", NextAction.READ_BACK_AND_REJECT),', '(BadRequest, "unknown", NextAction.READ_BACK),',
    ),
    twin(
        12,
        "a 404 of the project does not stop the job",
        "integration/facts/test_route_gone.py::test_a_404_with_another_text_stops_the_job",
        _ATTEMPT_RESULT, '(RouteNotFound, "failed", NextAction.STOP),', '(RouteNotFound, "unknown", NextAction.READ_BACK_AND_REJECT),',
    ),
    twin(
        12,
        "the retry budget has no limit",
        "bulk/execution/test_breaker.py::test_the_retry_budget_bounds_retries_and_successes_refill_it",
        "bulk/execution/breaker.py", "        self._left -= 1\n", "",
    ),
    twin(
        13,
        "a request of another process is taken for one of this process",
        "integration/resuming/test_wrong_clock.py::test_requests_of_the_same_time_as_those_of_another_process_count_in_addition",
        "bulk/journal/limit_usage.py", " if counted else []", "",
    ),
    twin(
        13,
        "the requests of the planning count twice for the client that made them",
        "integration/resuming/test_wrong_clock.py::test_the_client_of_the_planning_counts_it_once",
        "bulk/plan/planner.py", "                plan.counted_by.add(client.limits)\n", "",
    ),
    twin(
        13,
        "requests of planning are forgotten",
        "bulk/journal/test_limit_usage.py::test_requests_in_plan_and_journal_are_charged_with_their_ages",
        "bulk/journal/limit_usage.py", "*spent.get(bucket.value, ()), ", "",
    ),
    twin(
        13,
        "requests of earlier runs are forgotten",
        "bulk/journal/test_limit_usage.py::test_requests_in_plan_and_journal_are_charged_with_their_ages",
        "bulk/journal/limit_usage.py", ", *usage.recent.get(bucket.value, ())", "",
    ),
    twin(
        13,
        "requests in flight when a run was killed do not count",
        "bulk/journal/test_charging.py::test_requests_without_a_recorded_outcome_count_as_made_just_now",
        "bulk/journal/limit_usage.py", "ages += [0.0] * in_flight.get(bucket.value, 0)", "pass",
    ),
    twin(
        13,
        "a limit lowered in an earlier run is forgotten",
        "bulk/journal/test_limit_usage.py::test_a_limit_lowered_in_an_earlier_run_stays_lowered_for_the_rest_of_its_hour",
        "bulk/journal/limit_usage.py", "            if lowered.new is not None:\n", "            if False:\n",
    ),
    twin(
        13,
        "planning does not record its requests",
        "bulk/plan/planner/make_plan/test_planner.py::test_the_plan_holds_the_times_of_the_planners_requests",
        "bulk/plan/planner.py", "spent=spent_requests(", "spent={} and spent_requests(",
    ),
    twin(
        11,
        "a refusal on the way is taken for a request without effect",
        "bulk/posthog/test_attempt_result.py::test_a_response_that_is_not_posthogs_stops_the_run_as_not_finished",
        _ATTEMPT_RESULT, '(IntermediaryError, "unknown", NextAction.STOP)', '(IntermediaryError, "failed", NextAction.STOP)',
    ),
    twin(
        14,
        "the run waits out a pause above the maximum",
        "bulk/posthog/test_attempt_result.py::test_a_pause_that_is_too_long_is_in_the_message",
        _ATTEMPT_RESULT, "if requested_s is None or requested_s <= MAX_PAUSE_S:", "if True:",
    ),
    twin(
        16,
        "a cancelled run keeps its journal locked",
        _RESUME + "a_job_interrupted_many_times_still_converges",
        "bulk/execution/open_job.py", "            await writer.aclose()", "            await writer.durable()",
    ),
    twin(
        17,
        "waiting for requests in flight has no end",
        "bulk/cli/signals/test_drain.py::test_work_that_does_not_end_by_itself_is_cut_off_when_the_drain_is_over",
        "bulk/cli/signals.py", "        asyncio.get_running_loop().call_later(self._drain_s, self._task.cancel)\n", "",
    ),
    twin(
        17,
        "a hangup is not handled",
        "bulk/cli/signals/test_drain.py::test_interrupt_termination_and_hangup_are_all_handled",
        "bulk/cli/interruption.py", "signal.SIGTERM, signal.SIGHUP)", "signal.SIGTERM)",
    ),
    twin(
        17,
        "a stopped run continues to send",
        _RESUME + "a_stop_awaits_requests_in_flight_and_sends_no_more",
        "bulk/concurrency/stop_gate.py", "return self._stop.is_set() or self.error is not None", "return self.error is not None",
        "bulk/concurrency/stop_gate.py", "        await self._stop.wait()\n        self._cancel_waits()", "        await self._stop.wait()",
    ),
    twin(
        18,
        "the target states keep one object per target",
        "bulk/test_memory.py::test_target_states_take_a_few_bytes_per_target",
        _TARGET_STATES, "            self.attempts[start:stop] = self.attempts[start:stop].translate(_ONE_MORE)\n",
        "            self.attempts[start:stop] = self.attempts[start:stop].translate(_ONE_MORE)\n"
        "            self.__dict__.setdefault('kept', {}).update({n: str(n) for n in range(start, stop)})\n",
    ),
    twin(
        18,
        "a plan keeps every target it has read",
        "bulk/test_memory.py::test_a_plan_is_read_in_blocks_that_are_not_kept",
        "bulk/plan/plan_file.py", "        self._cached = (block, targets)\n        return",
        "        self.__dict__.setdefault('kept', []).append(targets)\n        return",
    ),
    twin(
        19,
        "keep_person is forgotten",
        _ERASURE + "exactly_the_requested_flags_are_sent",
        "bulk/posthog/calls.py", "keep_person=Axis.PERSON not in call.axes", "keep_person=False",
    ),
    twin(
        19,
        "keep_person is sent to a server that does not know it",
        _ERASURE + "older_servers_get_one_call_per_person_and_never_keep_person",
        "bulk/posthog/strategy.py", "queue_in_bulk=bulk and rows", "queue_in_bulk=bulk",
    ),
    twin(
        19,
        "a person is deleted before its row was read back",
        "bulk/execution/test_next_step.py::test_no_person_is_deleted_before_its_events_are_known_to_be_queued",
        _NEXT_STEP, "Events.UNVERIFIABLE})", "Events.UNVERIFIABLE, Events.ACCEPTED})",
        _NEXT_STEP, "    if events in (Events.ACCEPTED, Events.UNKNOWN):", "    if events is Events.UNKNOWN:",
    ),
    twin(
        20,
        "deletion rows are compared with this machine's clock",
        _BREAKING + "deletion_rows_are_judged_by_the_servers_clock",
        "bulk/execution/run.py", "            server_time=client.server_time,\n", "            server_time=__import__('time').time,\n",
    ),
    twin(
        21,
        "a 202 counts as done",
        _ERASURE + "queued_deletions_slower_than_the_wait_are_left_pending",
        _MACHINE, "return ACCEPTED[axis] if accepted", "return {**ACCEPTED, Axis.PERSON: Person.DELETED_CONFIRMED}[axis] if accepted",
    ),
    twin(
        21,
        "events that were too late are reported as queued",
        _ERASURE + "merged_recreated_and_disappeared_persons_are_reported_as_such",
        _MACHINE, "events = AxisStatus(Events.TOO_LATE if absent else Events.SKIPPED)",
        "events = AxisStatus(Events.QUEUED if absent else Events.SKIPPED)",
    ),
    twin(
        22,
        "created_at is not compared",
        _ERASURE + "merged_recreated_and_disappeared_persons_are_reported_as_such",
        _VERIFIER, " and abs(target.created_at - person.created_at) < SAME_INSTANT", "",
    ),
    twin(
        22,
        "the distinct ID of a missing person is not looked up",
        _ERASURE + "merged_recreated_and_disappeared_persons_are_reported_as_such",
        _VERIFIER, "return _ABSENT if result.owner is None else _MERGED", "return _ABSENT",
    ),
    twin(
        23,
        "a plan runs without approval",
        _ERASURE + "nothing_is_sent_without_approval_or_against_the_caps",
        _PREFLIGHT, "    if approve is None:\n        raise Refused(", "    if False:\n        raise Refused(",
    ),
    twin(
        23,
        "any digest approves",
        _ERASURE + "nothing_is_sent_without_approval_or_against_the_caps",
        _PREFLIGHT, "if approve is not None and not digest_matches(plan.digest, approve):", "if False:",
    ),
    twin(
        23,
        "the maximum number of targets is not checked",
        _ERASURE + "nothing_is_sent_without_approval_or_against_the_caps",
        _PREFLIGHT, "if max_targets is not None and plan.count > max_targets:", "if False:",
    ),
    twin(
        23,
        "the expected count is not compared",
        _ERASURE + "nothing_is_sent_without_approval_or_against_the_caps",
        _PREFLIGHT, "if expect_count is not None and plan.count != expect_count:", "if False:",
    ),
    twin(
        23,
        "the project's name is not confirmed",
        _ERASURE + "a_project_renamed_since_the_plan_is_refused",
        _PREFLIGHT, "if name != plan.header.project_name:", "if False:",
    ),
    twin(
        24,
        "the test batch overlooks that a request without a response deleted kept persons",
        "integration/facts/test_kept_persons.py::test_the_test_batch_detects_that_a_request_without_response_deleted_kept_persons",
        "bulk/execution/run.py", "return gone if len(gone) > 1 else []", "return []",
    ),
    twin(
        24,
        "no test batch goes first",
        _ERASURE + "a_server_that_ignores_keep_person_is_detected_by_its_response_or_the_test_batch",
        "bulk/execution/run.py", "if self._job.target_states.test_batch is None:", "if False:",
    ),
    twin(
        24,
        "the breaker never opens",
        (
            "bulk/execution/test_breaker.py::test_the_breaker_opens_when_half_of_the_last_twenty_batches_made_no_progress",
            _BREAKING + "a_server_that_rejects_every_batch_opens_the_breaker",
        ),
        "bulk/execution/breaker.py", "FAILURES_TO_OPEN = 10", "FAILURES_TO_OPEN = 1000",
    ),
    twin(
        24,
        "a rejected key does not stop the job",
        "integration/erasure/test_erasure_failures.py::test_a_refused_key_stops_the_job_at_once",
        _ATTEMPT_RESULT, '(AuthenticationFailed, "failed", NextAction.STOP),', '(AuthenticationFailed, "failed", NextAction.RETRY),',
        _ATTEMPT_RESULT, '(PermissionDenied, "failed", NextAction.STOP),', '(PermissionDenied, "failed", NextAction.RETRY),',
    ),
    twin(
        25,
        "a report contains the time at which it was made",
        _RESUME + "the_report_is_the_same_bytes_again_and_holds_without_the_plan",
        "bulk/report/report.py", "last_entry_at=iso(run_stats.last_at),", "last_entry_at=iso(__import__('time').time()),",
    ),
    twin(
        25,
        "a report uses the time zone of the machine",
        "bulk/report/test_report.py::test_the_report_does_not_depend_on_the_time_zone_of_the_machine",
        "bulk/report/parts/activity.py", "datetime.fromtimestamp(at, UTC).isoformat", "datetime.fromtimestamp(at).astimezone().isoformat",
    ),
    twin(
        25,
        "a redacted report shows the values of the selection",
        "bulk/cli/commands/evidence/test_report_evidence.py::test_values_are_shown_with_the_plan_unless_redacted",
        "bulk/report/parts/plan_report.py", "values=_values(plan) if values else None,", "values=_values(plan),",
    ),
    twin(
        25,
        "the digest of the plan file leaves out its last line",
        "bulk/cli/commands/evidence/test_report_evidence.py::test_the_commands_of_a_report_confirm_its_digests",
        "bulk/plan/plan_file.py", "hashed.update(read_bytes(fd, end, size - end, path))", "pass",
    ),
    twin(
        25,
        "a report with a changed line passes as signed",
        "bulk/files/test_signed_file.py::test_a_changed_byte_of_the_report_is_found_in_its_line",
        "bulk/files/signed_file.py", "if hashlib.sha256(data).hexdigest() != signature.sha256:", "if False:",
    ),
    twin(
        27,
        "a server's free text is kept as a code",
        "bulk/posthog/test_attempt_result.py::test_free_text_in_place_of_an_error_code_is_dropped",
        _ATTEMPT_RESULT, 'return code if code is None or _CODE.fullmatch(code) else "other"', "return code",
    ),
    twin(
        27,
        "a journal holds the values of a selection",
        "integration/test_secrecy.py::test_no_identifier_and_no_secret_is_in_journal_report_or_events",
        "bulk/jobs/first_record.py", "selection=summary if isinstance(summary, dict) else {},", "selection=header.selection,",
    ),
    twin(
        27,
        "a journal names the persons of an intent",
        "integration/test_secrecy.py::test_no_identifier_and_no_secret_is_in_journal_report_or_events",
        "bulk/journal/job_log.py", "                route=route,\n", "                route=route + ':' + str(self.targets(numbers[:1])[numbers[0]].uuid),\n",
    ),
)  # fmt: skip
