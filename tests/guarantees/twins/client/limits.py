"""Mistakes in rate limits: guarantees 1, 13, 14 and 16."""

from twin import Twin, twin

_BUCKET = "asyncclient/_protocol/limits/rate_bucket.py"
_LIMIT_STATE = "asyncclient/limits/limit_state.py"
_BUCKET_TESTS = "asyncclient/_protocol/limits/test_rate_bucket.py::test_"
_REDUCTION = "asyncclient/_protocol/limits/limit_reduction.py"
_RATE_LIMITED = "asyncclient/_transport/rate_limited.py"
_RETRY_AFTER = "asyncclient/_protocol/limits/retry_after.py"
_TRACKER_TESTS = "bulk/progress/test_wait_tracker.py::test_"
_RESUME = "integration/resuming/test_resume.py::test_"

LIMITS: tuple[Twin, ...] = (
    twin(
        1,
        "an intent is written after the request",
        (
            "integration/resuming/test_write_ahead.py::test_no_request_arrives_before_its_intent_was_synced",
            _RESUME + "no_request_arrives_before_its_intent_is_in_the_journal",
        ),
        "asyncclient/_transport/rate_limited.py",
        "            if before_send is not None:\n                await before_send()\n",
        "",
        "asyncclient/_transport/rate_limited.py",
        "            status = response.status\n        except",
        "            status = response.status\n            if before_send is not None:\n"
        "                await before_send()\n        except",
    ),
    twin(
        13,
        "a request counts from when it was sent, not from when it may have arrived",
        "asyncclient/limits/test_limits.py::test_two_hours_use_the_allowance_and_never_exceed_it[latency2]",
        _BUCKET,
        "        self.log.record(now)\n",
        "        self.log.record(sent_at)\n",
    ),
    twin(
        13,
        "requests of other processes are not counted",
        "asyncclient/limits/test_limits.py::test_requests_of_other_processes_count_until_their_window_is_over",
        _LIMIT_STATE,
        "        log.insert(now, times)\n",
        "",
    ),
    twin(
        13,
        "an unexpected 429 lowers no rate limit",
        "asyncclient/limits/test_lowering.py::test_no_more_requests_than_the_lowered_limit_leave_in_the_next_window",
        _BUCKET,
        "        self._reductions[window_s] = reduction\n        self._limits[window_s] = new\n",
        "",
    ),
    twin(
        13,
        "each 429 of an episode lowers the limit",
        _BUCKET_TESTS + "an_episode_of_429s_lowers_the_limit_once_however_many_there_are",
        _BUCKET,
        "        if same_episode:\n",
        "        if False:\n",
    ),
    twin(
        13,
        "a lowered rate limit never recovers",
        _BUCKET_TESTS + "eight_429s_in_two_days_leave_nothing_behind",
        _REDUCTION,
        "        if self.has_expired(now):\n            return self.configured\n",
        "        return self.new\n",
        _REDUCTION,
        "return now >= self.recovers_from + RECOVERY_S",
        "return False",
    ),
    twin(
        13,
        "a rate limit is lowered below the requests that passed",
        _BUCKET_TESTS + "an_unknown_hourly_limit_is_learned_exactly_and_kept_for_a_while",
        _REDUCTION,
        "found = max(1, limit // 2, passed)",
        "found = max(1, limit // 2)",
        _BUCKET,
        "            self._keep_to_what_passed(now)\n",
        "            pass\n",
    ),
    twin(
        13,
        "deletions of a user do not count against the limit of all calls",
        "asyncclient/limits/test_limits.py::test_deletions_of_a_user_count_together_with_other_calls_and_are_recorded_separately",
        _LIMIT_STATE,
        "            self.queues[Bucket.OTHERS] = self.queues[Bucket.DELETES]\n",
        "            pass\n",
    ),
    twin(
        13,
        "what another process has in flight does not count",
        "asyncclient/limits/test_shared_limits.py::test_a_request_in_flight_elsewhere_counts_and_a_returned_permit_does_not",
        "asyncclient/limits/shared_limits.py",
        "            state.add_in_flight(bucket)\n",
        "",
    ),
    twin(
        13,
        "damaged records of a limits file count as no requests",
        "asyncclient/limits/test_limits_file.py::test_a_changed_byte_is_refused",
        "asyncclient/limits/limits_file.py",
        "            raise self._damaged((start - HEADER_SIZE) // RECORD_SIZE + damaged)\n",
        "            pass\n",
    ),
    twin(
        13,
        "what a dead process had in flight is forgotten",
        "asyncclient/limits/test_limits_file.py::test_what_a_dead_process_had_in_flight_counts_from_when_that_is_noticed",
        "asyncclient/limits/shared_limits.py",
        "                self._write(LimitRecord(RecordKind.ENDED, held, now, taken_at, owner=owner), now)\n",
        "                self._write(LimitRecord(RecordKind.RETURNED, held, now, taken_at, owner=owner), now)\n",
    ),
    twin(
        13,
        "a limits file is used with any key",
        "asyncclient/limits/test_shared_limits.py::test_limits_with_a_file_are_those_of_one_key",
        "asyncclient/limits/limits_file.py",
        "not secrets.compare_digest(header.key_hash, hash_key(self.key.reveal(), header.salt))",
        "False",
    ),
    twin(
        13,
        "a lowered rate limit emits no event",
        "asyncclient/_transport/test_retrying.py::test_many_429s_of_requests_that_left_together_lower_the_limit_once",
        _RATE_LIMITED,
        "                self._emit(LimitLowered(bucket=bucket, window_s=lowered.window_s, old=lowered.old, new=lowered.new))",
        "                pass",
    ),
    twin(
        14,
        "Retry-After is used without checks",
        "asyncclient/test_retry.py::test_retry_after_in_every_form",
        _RETRY_AFTER,
        "return min(max(0.0, wait_s), MAX_WAIT_S) if header else None",
        "return wait_s if header else None",
    ),
    twin(
        14,
        "above the longest pause other calls wait instead of failing",
        (
            "asyncclient/_transport/test_retrying.py::test_above_the_longest_pause_nothing_is_sent_and_every_call_fails_at_once",
            "asyncclient/limits/test_waiting.py::test_a_waiting_request_fails_at_once_when_too_long_a_pause_begins",
        ),
        "asyncclient/limits/permits.py",
        "        if (left_s := self.bucket.requested_wait_s(now)) > longest_pause_s:\n            raise PausedTooLong(left_s, self.bucket.pause_status)\n",
        "        pass\n",
    ),
    twin(
        14,
        "a 503 with Retry-After pauses only its own request",
        "asyncclient/_transport/test_retrying.py::test_an_unavailable_server_that_names_a_wait_pauses_all_requests_once",
        _RATE_LIMITED,
        'elif status == 429 or (status in UNAVAILABLE and "retry-after" in response.headers):',
        "elif status == 429:",
    ),
    twin(
        14,
        "a 429 pauses only its own request",
        "asyncclient/_transport/test_retrying.py::test_a_429_pauses_all_requests_of_the_bucket_visibly",
        _RATE_LIMITED,
        "self._limits.pause(bucket, pause_s, status=error.status):",
        "bucket:",
    ),
    twin(
        14,
        "requests that wait for the rate limit are not shown",
        _TRACKER_TESTS + "a_request_that_waits_for_the_rate_limit_is_one_wait_with_its_end",
        "asyncclient/limits/permits.py",
        "                    self.blocked_since = now\n",
        "                    pass\n",
    ),
    twin(
        16,
        "a cancelled call keeps its permit",
        "asyncclient/_transport/test_retrying.py::test_before_send_is_awaited_once_the_permit_is_held_and_returns_it_when_it_raises",
        _RATE_LIMITED,
        "            permit.release()\n",
        "            if permit.used:\n                permit.release()\n",
    ),
    twin(
        16,
        "a cancelled request emits no event",
        "asyncclient/_transport/test_retrying.py::test_a_call_cancelled_in_flight_keeps_its_permit_and_emits_an_event",
        _RATE_LIMITED,
        "            if permit.used:\n",
        "            if permit.used and status is not None:\n",
    ),
)
