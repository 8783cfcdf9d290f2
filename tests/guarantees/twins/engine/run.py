"""Mistakes in the start, the checks and the end of a run: guarantees 6, 12 to 14, 16, 17, 20, 22 to 24 and 32."""

from twin import Twin, twin

_SCREENS = "integration/test_screens.py::test_"
_PREFLIGHT = "bulk/execution/preflight.py"
_RESUME = "integration/resuming/test_resume.py::test_"
_BREAKING = "integration/breaking/test_breaking.py::test_"
_ERASURE = "integration/erasure/test_erasure.py::test_"
_LIMITS = "integration/properties/test_properties_limits.py::test_"
_ANEW = "integration/properties/test_properties_anew.py::test_"
_BLOCKS = "integration/properties/failures/test_properties_blocks.py::test_"
_LOST = "integration/properties/failures/test_properties_lost.py::test_"
_PARTS = "integration/erasure/test_parts.py::test_"
_PROTECTED = "bulk/plan/test_protected_persons.py::test_"
_ENDS = "integration/test_ends.py::test_"

RUN: tuple[Twin, ...] = (
    twin(
        6,
        "a client of another project is accepted",
        _RESUME + "a_client_of_another_project_is_refused",
        _PREFLIGHT,
        "if plan.header.project_id != project_id:",
        "if False:",
    ),
    twin(
        12,
        "the retry budget has no limit",
        "bulk/execution/test_breaker.py::test_the_retry_budget_bounds_retries_and_successes_refill_it",
        "bulk/execution/breaker.py",
        "        self._left -= 1\n",
        "",
    ),
    twin(
        12,
        "only the first failures of a capture host count",
        "integration/properties/failures/test_capture_hosts.py::test_a_capture_host_that_never_responds_ends_the_job_within_15_minutes",
        "bulk/execution/batch_policy.py",
        'always=call.route == "capture" and not is_refused(result)',
        "always=False",
    ),
    twin(
        13,
        "planned reads are not counted against changes",
        _LIMITS + "reads_of_the_planning_count_too",
        "bulk/execution/open_job.py",
        "spent=plan.spent",
        "spent={}",
    ),
    twin(
        13,
        "earlier requests are aged before the server's time is known",
        "integration/resuming/test_wrong_clock.py::test_a_wrong_clock_forgets_no_request_of_the_planning",
        "bulk/execution/open_job.py",
        "            project = await client.projects.get(plan.header.project_id)\n            count_earlier_requests()\n",
        "            count_earlier_requests()\n            project = await client.projects.get(plan.header.project_id)\n",
    ),
    twin(
        14,
        "nothing is shown until something happens",
        (
            "bulk/concurrency/test_ticker.py::test_the_ticker_calls_every_second_until_the_block_ends",
            _SCREENS + "our_own_minute_limit",
        ),
        "bulk/concurrency/ticker.py",
        "            tick()\n",
        "            pass\n",
    ),
    twin(
        14,
        "without a display, waits are not counted",
        "acceptance/test_unattended.py::test_the_log_of_an_unattended_job_has_each_of_its_steps",
        "bulk/execution/open_job.py",
        "emitter.tick if emitter.is_ticking else None",
        "None if on_progress is None else emitter.tick",
    ),
    twin(
        16,
        "a cancelled run keeps its journal locked",
        _RESUME + "a_job_interrupted_many_times_still_converges",
        "bulk/execution/open_job.py",
        "            await writer.aclose()",
        "            await writer.durable()",
    ),
    twin(
        17,
        "a stopped run continues to send",
        _RESUME + "a_stop_awaits_requests_in_flight_and_sends_no_more",
        "bulk/concurrency/stop_gate.py",
        "return self._stop.is_set() or self.error is not None",
        "return self.error is not None",
        "bulk/concurrency/stop_gate.py",
        "        await self._stop.wait()\n        self._cancel_waits()",
        "        await self._stop.wait()",
    ),
    twin(
        20,
        "deletion rows are compared with this machine's clock",
        _BREAKING + "deletion_rows_are_judged_by_the_servers_clock",
        "bulk/execution/run.py",
        "            server_time=client.server_time,\n",
        "            server_time=__import__('time').time,\n",
    ),
    twin(
        22,
        "a person that is gone after an event was sent is not read again",
        _ANEW + "a_person_recreated_by_an_event_of_the_job_is_reported_as_such",
        "bulk/execution/run.py",
        "return await self._poller.watch_missing(budget)",
        "return",
    ),
    twin(
        23,
        "a plan runs without approval",
        _ERASURE + "nothing_is_sent_without_approval_or_against_the_caps",
        _PREFLIGHT,
        "    if approve is None:\n        raise Refused(",
        "    if False:\n        raise Refused(",
    ),
    twin(
        23,
        "any digest approves",
        _ERASURE + "nothing_is_sent_without_approval_or_against_the_caps",
        _PREFLIGHT,
        "if approve is not None and not digest_matches(plan.digest, approve):",
        "if False:",
    ),
    twin(
        23,
        "the maximum number of targets is not checked",
        _ERASURE + "nothing_is_sent_without_approval_or_against_the_caps",
        _PREFLIGHT,
        "if max_targets is not None and plan.count > max_targets:",
        "if False:",
    ),
    twin(
        23,
        "the expected count is not compared",
        _ERASURE + "nothing_is_sent_without_approval_or_against_the_caps",
        _PREFLIGHT,
        "if expect_count is not None and plan.count != expect_count:",
        "if False:",
    ),
    twin(
        23,
        "the project's name is not confirmed",
        _ERASURE + "a_project_renamed_since_the_plan_is_refused",
        _PREFLIGHT,
        "if name != plan.header.project_name:",
        "if False:",
    ),
    twin(
        24,
        "the test batch overlooks that a request without a response deleted kept persons",
        "integration/facts/test_kept_persons.py::test_the_test_batch_detects_that_a_request_without_response_deleted_kept_persons",
        "bulk/execution/run.py",
        "return gone if len(gone) > 1 else []",
        "return []",
    ),
    twin(
        24,
        "no test batch goes first",
        _ERASURE + "a_server_that_ignores_keep_person_is_detected_by_its_response_or_the_test_batch",
        "bulk/execution/run.py",
        "if self._job.target_states.test_batch is None:",
        "if False:",
    ),
    twin(
        24,
        "the breaker never opens",
        (
            "bulk/execution/test_breaker.py::test_the_breaker_opens_when_half_of_the_last_twenty_batches_made_no_progress",
            _BREAKING + "a_server_that_rejects_every_batch_opens_the_breaker",
        ),
        "bulk/execution/breaker.py",
        "FAILURES_TO_OPEN = 10",
        "FAILURES_TO_OPEN = 1000",
    ),
    twin(
        24,
        "an outage opens the breaker or spends the retry budget",
        "integration/outages/test_outages_and_failures.py::test_outages_spend_no_attempt_no_retry_and_do_not_open_the_breaker",
        "bulk/execution/batch_policy.py",
        "        if in_outage:\n",
        "        if False:\n",
    ),
    twin(
        24,
        "no test batch goes before changes",
        (
            _LOST + "a_server_that_applies_nothing_is_detected_by_the_test_batch",
            _BLOCKS + "a_test_batch_of_single_calls_goes_first",
        ),
        "bulk/execution/run.py",
        "if self._job.target_states.test_batch is None:",
        "if False:",
    ),
    twin(
        24,
        "after a test batch whose attempts all failed the next one starts",
        (
            "integration/breaking/test_breaking.py::test_a_server_that_queues_nothing_is_detected_before_any_person_is_deleted",
            _PARTS + "a_server_whose_rows_never_appear_is_detected_by_the_test_batch",
        ),
        "bulk/execution/run.py",
        "if all_attempts_failed(target_states, axis, numbers):",
        "if False:",
    ),
    twin(
        24,
        "a test batch that changed no person is good enough",
        _LOST + "a_server_that_applies_nothing_is_detected_by_the_test_batch",
        "bulk/execution/run.py",
        "Person.CONTRADICTED, Properties.ACCEPTED, Properties.CONTRADICTED})",
        "Person.CONTRADICTED})",
        "bulk/execution/run.py",
        "            if proven:\n",
        "            if True:\n",
    ),
    twin(
        24,
        "persons deleted by the test batch of a part are not noticed",
        _PARTS + "kept_persons_that_disappear_from_the_test_batch_stop_the_job",
        "bulk/execution/run.py",
        "if self._job.primary_axis in (Axis.EVENTS, Axis.RECORDINGS):",
        "if False:",
    ),
    twin(
        24,
        "one person that stays stops the job at the first batch",
        (
            _ENDS + "one_person_that_is_not_deleted_does_not_fail_the_test_batch",
            _ENDS + "a_test_batch_of_one_person_that_is_not_deleted_is_followed_by_another",
        ),
        "bulk/execution/run.py",
        "            if proven:\n",
        "            if proven and not any(target_states.state(axis, n) in _UNPROVEN for n in numbers):\n",
        "bulk/execution/run.py",
        "if stuck >= TEST_BATCH_SIZE or (stuck and stuck == target_states.count):",
        "if stuck:",
    ),
    twin(
        32,
        "an old plan with a protected person runs",
        _PROTECTED + "an_old_plan_with_a_protected_person_does_not_run",
        "bulk/execution/open_job.py",
        "await refuse_protected(client, plan, protect, gate)",
        "None",
    ),
)
