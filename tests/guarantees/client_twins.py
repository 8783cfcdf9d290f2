"""Mistakes in the client: guarantees 1, 10 to 16, 20 and 26 to 31."""

from twin import Twin, twin

_SESSION = "asyncclient/_transport/session.py"
_ATTEMPT = "asyncclient/_transport/one_attempt.py"
_OPTIONS = "asyncclient/_transport/session_options.py"
_BODY = "asyncclient/_transport/body.py"
_USERS = "asyncclient/_transport/session/test_session_of_the_user.py::test_"
_LIMIT_STATE = "asyncclient/limits/limit_state.py"
_PAGER = "asyncclient/_protocol/paging/offset_pager.py"
_RETRY = "asyncclient/retry.py"
_DECODING = "asyncclient/_protocol/responses/decoding.py"
_ORIGIN = "asyncclient/_protocol/responses/origin.py"
_EXPECTATIONS = "asyncclient/_protocol/responses/expectations.py"
_READING = "asyncclient/_protocol/responses/reading.py"
_RATE_LIMITED = "asyncclient/_transport/rate_limited.py"
_BUCKET = "asyncclient/_protocol/limits/rate_bucket.py"
_REDUCTION = "asyncclient/_protocol/limits/limit_reduction.py"
_RETRY_AFTER = "asyncclient/_protocol/limits/retry_after.py"
_BUCKET_TESTS = "asyncclient/_protocol/limits/test_rate_bucket.py::test_"
_IDS = "asyncclient/_protocol/ids.py"
_DELETES = "asyncclient/_protocol/endpoints/deletes.py"

CLIENT: tuple[Twin, ...] = (
    twin(
        10,
        "the HTTP library sends a request a second time",
        "asyncclient/_transport/session/test_session.py::test_a_dropped_connection_does_not_send_twice",
        _ATTEMPT, "            raise NotSentAgain from error", "            self.began = False\n            raise",
    ),
    twin(
        10,
        "a user's session sends a request a second time",
        _USERS + "a_session_that_sends_twice_sends_once",
        _ATTEMPT, "if self.began or (request.url is not self.url and request.url != self.url):", "if request.url != self.url:",
    ),
    twin(
        26,
        "a user's session sends the key to another URL",
        _USERS + "a_session_that_sends_elsewhere_sends_nothing",
        _ATTEMPT, "if self.began or (request.url is not self.url and request.url != self.url):", "if self.began:",
    ),
    twin(
        10,
        "the middlewares of a session see the call",
        _USERS + "the_sessions_middlewares_do_not_see_the_calls",
        _SESSION, "middlewares=(attempt,)", "middlewares=(*self._session._middlewares, attempt)",
    ),
    twin(
        26,
        "cookies of a session are sent",
        _USERS + "the_sessions_cookies_are_not_sent",
        _ATTEMPT, '        if "Cookie" in headers:\n            del headers["Cookie"]\n', "",
    ),
    twin(
        27,
        "an error of a trace hook keeps the frames with the key",
        "asyncclient/_transport/session/test_session_traces.py::test_an_error_of_a_hook_is_the_users_and_shows_no_key",
        "asyncclient/_transport/failures.py", "return error.with_traceback(None)", "return error",
    ),
    twin(
        10,
        "a call made once is repeated",
        (
            "asyncclient/test_client.py::test_a_once_view_makes_exactly_one_attempt_for_any_outcome",
            "asyncclient/_transport/test_retrying.py::test_with_before_send_there_is_one_attempt_whatever_the_outcome",
        ),
        "asyncclient/_transport/retrying.py", "            if before_send is not None or request.once:\n                raise error\n", "",
    ),
    twin(
        10,
        "a request that left counts as not sent",
        "asyncclient/_transport/session/test_session.py::test_a_stall_is_a_timeout_that_may_have_had_an_effect",
        _SESSION, "sent = attempt.began\n            if call", "sent = False\n            if call",
    ),
    twin(
        11,
        "a write that may have been done is repeated",
        (
            "asyncclient/test_retry.py::test_writes_are_not_retried_if_they_may_have_had_an_effect",
            "asyncclient/test_client.py::test_a_write_that_may_have_had_an_effect_is_never_retried",
        ),
        _RETRY, "    if mutating:\n", "    if False:\n",
    ),
    twin(
        11,
        "a body where none is expected is ignored",
        (
            "asyncclient/_protocol/responses/test_reading.py::test_a_body_that_must_be_empty_is_invalid",
            "asyncclient/_protocol/responses/test_every_response.py::test_any_other_body_is_invalid[persons.delete-200]",
            "integration/facts/test_foreign_responses.py::test_changes_with_a_foreign_response_are_never_done",
        ),
        _EXPECTATIONS, "        if self.or_json is None:\n            raise", "        if self.or_json is None:\n            return\n            raise",
        _EXPECTATIONS, "        raise UnexpectedResponse(_IS_HTML)\n\n\ndef is_html", "        pass\n\n\ndef is_html",
    ),
    twin(
        11,
        "any 2xx proves that the server has a route",
        (
            "asyncclient/_protocol/responses/test_reading.py::test_a_route_is_known_only_by_a_decoded_response",
            "integration/facts/test_foreign_responses.py::test_no_kept_person_is_deleted_by_a_server_of_unknown_age",
        ),
        _EXPECTATIONS, "        self.proven_by.read(response)\n", "",
    ),
    twin(
        11,
        "a server that returns a summary may leave it out",
        "asyncclient/_protocol/responses/test_every_response.py::test_any_other_body_is_invalid[persons.bulk_delete since April 2026-200]",
        _DELETES, "blank=None if must_summarise else BulkDeleteSummary", "blank=BulkDeleteSummary",
    ),
    twin(
        11,
        "the rows of an incomplete query count as complete",
        "asyncclient/_protocol/responses/test_reading.py::test_rows_of_an_incomplete_query_are_invalid",
        "asyncclient/_protocol/endpoints/query.py", "if status.complete is False:", "if False:",
    ),
    twin(
        24,
        "a server that responds to keep_person without a summary gets more such calls",
        "integration/erasure/test_parts.py::test_a_server_that_deletes_kept_persons_is_detected_by_its_response_or_the_test_batch",
        "bulk/posthog/attempt_result.py", "if isinstance(error, InvalidResponse) and error.code == EMPTY_BODY:", "if False:",
    ),
    twin(
        23,
        "a filter for persons outside a cohort selects its members",
        "asyncclient/_protocol/endpoints/test_conditions.py::test_existence_and_cohorts_are_sent_as_the_server_reads_them",
        "asyncclient/filters.py", 'if self.type == "cohort" and self.operator == "exact" else', 'if self.type == "cohort" else',
    ),
    twin(
        26,
        "an empty host becomes the default host",
        "asyncclient/test_config.py::test_a_host_that_is_set_and_empty_is_refused",
        "asyncclient/config.py", "        if not self.host.strip():\n", "        if False:\n",
    ),
    twin(
        12,
        "a 404 about a person counts as a missing route",
        "asyncclient/_transport/session/test_session.py::test_not_found_needs_the_exact_words",
        "asyncclient/errors/__init__.py", 'return NotFound if detail == "Not found." else RouteNotFound', "return RouteNotFound",
    ),
    twin(
        12,
        "any 404 counts as a missing person",
        "asyncclient/test_retry.py::test_each_status_has_its_kind",
        "asyncclient/errors/__init__.py", 'return NotFound if detail == "Not found." else RouteNotFound', "return NotFound",
    ),
    twin(
        12,
        "a 403 of a firewall counts as PostHog's",
        "asyncclient/_protocol/responses/test_origin.py::test_a_refusal_of_the_key_needs_the_whole_envelope",
        _ORIGIN, "    if status in ENVELOPE_ONLY:\n        return False\n", "",
    ),
    twin(
        12,
        "a 403 of a proxy gives advice about the key",
        "bulk/cli/refusals/test_intermediaries.py::test_every_command_names_the_sender_and_works_once_it_lets_requests_pass",
        _DECODING, "        error_class = IntermediaryError\n", "        pass\n",
    ),
    twin(
        27,
        "a redirect shows more than its origin",
        "asyncclient/_protocol/responses/test_origin.py::test_a_redirect_to_another_address_names_its_origin_and_nothing_else",
        _ORIGIN, "origin=_shown(found, key, MAX_ORIGIN)", "origin=_shown(location, key, MAX_ORIGIN)",
    ),
    twin(
        12,
        "a request is retried after an untrusted certificate",
        "asyncclient/_transport/test_failures.py::test_a_certificate_that_is_not_trusted_is_not_retried",
        _RETRY, "    if isinstance(error, UntrustedCertificate):\n", "    if False:\n",
    ),
    twin(
        12,
        "a request is retried whose response would be the same",
        "asyncclient/test_retry.py::test_an_error_that_would_be_the_same_is_not_retried",
        _RETRY, 'return GiveUp("the response would be the same")', "return Retry(0.0)",
    ),
    twin(
        12,
        "backoff has no jitter",
        "asyncclient/test_jitter.py::test_each_wait_is_drawn_from_nothing_up_to_the_backoff_of_that_attempt",
        _RETRY, "return uniform(0.0, min(policy.cap_s", "return max(0.0, min(policy.cap_s",
    ),
    twin(
        12,
        "attempts are not counted",
        "asyncclient/_transport/test_retrying.py::test_five_attempts_with_growing_waits_then_the_error",
        _RETRY, "if attempt >= policy.attempts:", "if attempt > policy.attempts:",
    ),
    twin(
        13,
        "a request counts from when it was sent, not from when it may have arrived",
        "asyncclient/limits/test_limits.py::test_two_hours_use_the_allowance_and_never_exceed_it[latency2]",
        _BUCKET, "        self.log.record(now)\n", "        self.log.record(sent_at)\n",
    ),
    twin(
        13,
        "requests of other processes are not counted",
        "asyncclient/limits/test_limits.py::test_requests_of_other_processes_count_until_their_window_is_over",
        _LIMIT_STATE, "        log.insert(now, times)\n", "",
    ),
    twin(
        13,
        "an unexpected 429 lowers no rate limit",
        "asyncclient/limits/test_lowering.py::test_no_more_requests_than_the_lowered_limit_leave_in_the_next_window",
        _BUCKET, "        self._reductions[window_s] = reduction\n        self._limits[window_s] = new\n", "",
    ),
    twin(
        13,
        "each 429 of an episode lowers the limit",
        _BUCKET_TESTS + "an_episode_of_429s_lowers_the_limit_once_however_many_there_are",
        _BUCKET, "        if same_episode:\n", "        if False:\n",
    ),
    twin(
        13,
        "a lowered rate limit never recovers",
        (
            _BUCKET_TESTS + "eight_429s_in_two_days_leave_nothing_behind",
            "asyncclient/limits/test_limits_for_a_month.py::test_a_month_of_trouble_costs_neither_a_429_nor_the_allowance",
        ),
        _REDUCTION, "        if self.has_expired(now):\n            return self.configured\n", "        return self.new\n",
        _REDUCTION, "return now >= self.recovers_from + RECOVERY_S", "return False",
    ),
    twin(
        13,
        "a rate limit is lowered below the requests that passed",
        _BUCKET_TESTS + "an_unknown_hourly_limit_is_learned_exactly_and_kept_for_a_while",
        _REDUCTION, "found = max(1, limit // 2, passed)", "found = max(1, limit // 2)",
        _BUCKET, "            self._keep_to_what_passed(now)\n", "            pass\n",
    ),
    twin(
        13,
        "deletions of a user do not count against the limit of all calls",
        "asyncclient/limits/test_limits.py::test_deletions_of_a_user_count_together_with_other_calls_and_are_recorded_separately",
        _LIMIT_STATE, "            self.queues[Bucket.OTHERS] = self.queues[Bucket.DELETES]\n", "            pass\n",
    ),
    twin(
        13,
        "what another process has in flight does not count",
        "asyncclient/limits/test_shared_limits.py::test_a_request_in_flight_elsewhere_counts_and_a_returned_permit_does_not",
        "asyncclient/limits/shared_limits.py", "            state.taken(bucket)\n", "",
    ),
    twin(
        13,
        "damaged records of a limits file count as no requests",
        "asyncclient/limits/test_limits_file.py::test_a_changed_byte_is_refused",
        "asyncclient/limits/limits_file.py", "            raise self._damaged((start - HEADER_SIZE) // RECORD_SIZE + damaged)\n", "            pass\n",
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
        "asyncclient/limits/limits_file.py", "not secrets.compare_digest(header.key_hash, hash_key(self.key.reveal(), header.salt))", "False",
    ),
    twin(
        13,
        "an access token starts with the limits of a personal key",
        "asyncclient/test_client.py::test_the_kind_of_key_decides_which_limits_a_client_starts_with",
        "asyncclient/client.py", "Limits(RateLimits.for_key(key), clock=clock)", "Limits(clock=clock)",
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
        _RETRY_AFTER, "return min(max(0.0, wait_s), MAX_WAIT_S) if header else None", "return wait_s if header else None",
    ),
    twin(
        14,
        "a pause above the maximum is waited for",
        "asyncclient/_transport/test_retrying.py::test_above_the_longest_pause_nothing_is_sent_and_every_call_fails_at_once",
        _RETRY, "    if pause_s > policy.longest_pause_s:\n", "    if False:\n",
    ),
    twin(
        14,
        "above the longest pause other calls wait instead of failing",
        (
            "asyncclient/_transport/test_retrying.py::test_above_the_longest_pause_nothing_is_sent_and_every_call_fails_at_once",
            "asyncclient/limits/test_waiting.py::test_a_waiting_request_fails_at_once_when_too_long_a_pause_begins",
        ),
        "asyncclient/limits/permits.py", "        if (left_s := self.bucket.requested_wait_s(now)) > longest_pause_s:\n            raise PausedTooLong(left_s, self.bucket.pause_status)\n",
        "        pass\n",
    ),
    twin(
        14,
        "a 429 without a usable Retry-After pauses nothing",
        (
            "asyncclient/_transport/test_retrying.py::test_a_server_with_repeated_429s_is_not_flooded_and_lowers_the_limit_once",
            "asyncclient/test_retry.py::test_a_retry_after_without_a_usable_length_means_the_minimum_backoff",
        ),
        _RETRY, "return max(error.retry_after_s or 0.0, min(policy.cap_s, policy.base_s * 2.0**attempt))",
        "return error.retry_after_s or 0.0",
    ),
    twin(
        14,
        "a 503 with Retry-After pauses only its own request",
        "asyncclient/_transport/test_retrying.py::test_an_unavailable_server_that_names_a_wait_pauses_all_requests_once",
        _RATE_LIMITED, 'elif status == 429 or (status in UNAVAILABLE and "retry-after" in response.headers):', "elif status == 429:",
    ),
    twin(
        14,
        "a 429 pauses only its own request",
        "asyncclient/_transport/test_retrying.py::test_a_429_pauses_all_requests_of_the_bucket_visibly",
        _RATE_LIMITED, "self._limits.pause(bucket, pause_s, status=error.status):", "bucket:",
    ),
    twin(
        15,
        "an empty page ends a listing",
        "asyncclient/_protocol/paging/test_offset_pager.py::test_short_and_empty_pages_do_not_end_it",
        _PAGER, "        numbers = [row.uuid.int for row in rows]  #",
        "        if not rows:\n            self.request = None\n            return []\n"
        "        numbers = [row.uuid.int for row in rows]  #",
    ),
    twin(
        15,
        "a page that takes too long ends a listing",
        (
            "asyncclient/_resources/persons/test_listing_pages.py::test_a_page_that_takes_too_long_is_requested_again_in_smaller_pages",
            "asyncclient/_resources/persons/test_listing_pages.py::test_a_page_larger_than_the_client_accepts_is_requested_again_in_smaller_pages",
        ),
        "asyncclient/_resources/persons/listing.py", "if not (self._shrinks and took_too_long(error)):", "if True:",
    ),
    twin(
        15,
        "a page of a query that takes too long ends it",
        "asyncclient/_resources/persons/test_listing_pages.py::test_a_page_of_a_query_that_takes_too_long_is_requested_again_with_fewer_rows",
        "asyncclient/_resources/query_pages.py", "if not (shrinks and took_too_long(error)):", "if True:",
    ),
    twin(
        15,
        "a row that cannot be read ends a listing",
        "asyncclient/_resources/persons/test_listing_pages.py::test_an_unreadable_row_is_told_once_and_the_listing_continues",
        "asyncclient/_protocol/responses/page_rows.py", "            if page is None:\n", "            if True:\n",
    ),
    twin(
        15,
        "a row that two pages share is told twice",
        "asyncclient/_resources/persons/test_listing_pages.py::test_an_unreadable_row_is_told_once_and_the_listing_continues",
        "asyncclient/_resources/persons/listing.py", "if digest not in self._nameless:", "if True:",
    ),
    twin(
        15,
        "a short page ends a listing",
        "asyncclient/_resources/persons/test_listing.py::test_rows_that_the_store_lost_only_shorten_pages",
        _PAGER, "        if end is None:\n            self.request = None\n",
        "        if end is None or len(rows) < request.limit:\n            self.request = None\n",
    ),
    twin(
        15,
        "rows that shift under a listing are not noticed",
        "asyncclient/_resources/persons/test_listing.py::test_a_block_of_rows_removed_during_a_listing_hides_no_later_person",
        _PAGER, "if not self._is_anchored(request, numbers):", "if False:",
    ),
    twin(
        15,
        "a listing ends on a page that no known person anchors",
        "asyncclient/_protocol/paging/test_offset_pager.py::test_every_person_that_stays_is_yielded_exactly_once",
        _PAGER, "        if not self._is_anchored(request, numbers):\n",
        "        if end is None and not self._is_anchored(request, numbers):\n            self.request = None\n            return []\n"
        "        if not self._is_anchored(request, numbers):\n",
    ),
    twin(
        15,
        "a person listed twice is yielded twice",
        "asyncclient/_resources/persons/test_listing.py::test_all_iterators_agree",
        _PAGER, "return list(rows) if len(new) == len(rows) else [rows[index] for index in new]", "return list(rows)",
    ),
    twin(
        15,
        "a single known person anchors a page",
        "asyncclient/_protocol/paging/test_merged_rows.py::test_one_known_person_among_the_unread_ones_does_not_anchor_a_page",
        _PAGER, "half = self._overlap // 2 + 1", "half = 1",
    ),
    twin(
        15,
        "a known person anywhere on a page anchors it",
        "asyncclient/_protocol/paging/test_merged_rows.py::test_a_known_person_further_down_does_not_anchor_a_page",
        _PAGER, "all(number in self._known for number in numbers[:min_known])", "any(number in self._known for number in numbers)",
    ),
    twin(
        15,
        "pages never reach across a block that cannot be read",
        "asyncclient/_protocol/paging/test_merged_rows.py::test_a_block_of_unreadable_rows_is_crossed",
        _PAGER, "self._limit = min(self._max_limit, self._limit * 2)", "self._limit = min(self._max_limit, self._limit)",
    ),
    twin(
        15,
        "a listing that cannot be read completely ends like a complete one",
        "asyncclient/_protocol/paging/test_merged_rows.py::test_more_unreadable_rows_than_a_page_can_span_end_it_with_an_error",
        _PAGER, "        else:\n            raise ListingError(\n", "        else:\n            self.request = None\n            _ = str(\n",
    ),
    twin(
        15,
        "a next link that does not advance is followed",
        "asyncclient/_protocol/paging/test_offset_pager.py::test_a_next_that_does_not_advance_is_a_loop",
        _PAGER, "    if offset <= request.offset:\n", "    if False:\n",
    ),
    twin(
        15,
        "a server that repeats one page is listed forever",
        "asyncclient/_protocol/paging/test_offset_pager.py::test_a_server_that_sends_the_same_page_for_every_offset_is_refused",
        _PAGER, "if self._pages_without_persons > MAX_PAGES_WITHOUT_PERSONS:", "if False:",
    ),
    twin(
        15,
        "the set of listed persons takes as much memory as a set",
        "asyncclient/_protocol/paging/test_person_id_set.py::test_a_person_takes_at_most_16_bytes",
        "asyncclient/_protocol/paging/person_id_set.py", "(lambda: array(\"Q\"))", "(list)",
    ),
    twin(
        16,
        "a cancelled call keeps its permit",
        "asyncclient/_transport/test_retrying.py::test_before_send_is_awaited_once_the_permit_is_held_and_returns_it_when_it_raises",
        _RATE_LIMITED, "            permit.release()\n", "            if permit.used:\n                permit.release()\n",
    ),
    twin(
        16,
        "a cancelled request emits no event",
        "asyncclient/_transport/test_retrying.py::test_a_call_cancelled_in_flight_keeps_its_permit_and_emits_an_event",
        _RATE_LIMITED, "            if permit.used:\n", "            if permit.used and status is not None:\n",
    ),
    twin(
        26,
        "redirects are followed",
        "asyncclient/_transport/session/test_session.py::test_a_redirect_is_never_followed",
        _SESSION, "            allow_redirects=False,\n", "            allow_redirects=True,\n",
    ),
    twin(
        26,
        "the proxy of the environment is used by default",
        "asyncclient/_transport/session/test_session.py::test_the_environments_proxy_and_netrc_are_used_only_when_asked",
        _OPTIONS, "or not self.trust_env or", "or",
    ),
    twin(
        26,
        "a mutating call is sent before the path prefix is known",
        "asyncclient/_transport/test_path_prefix.py::test_a_write_first_waits_for_a_read_that_settles_the_prefix",
        "asyncclient/_transport/pipeline.py", "        await self.settle_prefix()\n        return", "        return",
    ),
    twin(
        26,
        "the path prefix is found by a listing, which one person can make time out",
        "asyncclient/_transport/test_path_prefix.py::test_the_newest_person_timing_out_in_every_call_keeps_no_prefix_from_being_settled[plain]",
        "asyncclient/_transport/path_prefix.py", "return endpoints.get_nobody()", "return endpoints.list_persons(limit=1)",
    ),
    twin(
        20,
        "the clock of the ingestion host counts as the server's",
        "asyncclient/test_ingestion.py::test_the_ingestion_hosts_clock_is_not_the_servers",
        "asyncclient/_transport/pipeline.py", "ServerClock() if to_ingestion else shared.server_clock", "shared.server_clock",
    ),
    twin(
        26,
        "the personal key goes to the ingestion host",
        "asyncclient/test_ingestion.py::test_each_host_sees_its_own_key_only",
        "asyncclient/_transport/pipeline.py", "SessionWire(self.ingest_origin, None, **settings)",
        "SessionWire(self.ingest_origin, self.key, **settings)",
    ),
    twin(
        26,
        "the personal key is sent as the project's token",
        "asyncclient/test_ingestion.py::test_an_invalid_public_token_is_refused_and_not_shown",
        "asyncclient/config.py", 'if text == key.reveal() or text.startswith(("phx_", "pha_", "phs_")):', "if False:",
    ),
    twin(
        11,
        "an event that has another effect twice is retried",
        "asyncclient/_resources/test_capture.py::test_an_event_that_would_count_twice_is_never_retried_if_it_may_have_arrived",
        "asyncclient/_protocol/endpoints/capture.py", "repeatable = repeatable and event.is_repeatable", "pass",
    ),
    twin(
        27,
        "the repr of a secret shows it",
        (
            "asyncclient/test_secrets.py::test_a_secret_is_never_shown",
            "asyncclient/test_secrets.py::test_no_object_of_a_client_shows_the_key",
        ),
        "asyncclient/_secret.py", '    def __repr__(self) -> str:\n        return "***"',
        "    def __repr__(self) -> str:\n        return self._text",
    ),
    twin(
        27,
        "a client keeps the key among its headers",
        "asyncclient/test_secrets.py::test_no_object_of_a_client_shows_the_key",
        _SESSION, "self._common = COMMON_HEADERS if session is not None else {}",
        'self._common = {"X-Key": key.reveal() if key else ""}',
    ),
    twin(
        27,
        "an error repeats the key that a response contains",
        "asyncclient/_protocol/responses/test_decoding.py::test_nothing_of_persons_and_keys_is_shown",
        "asyncclient/errors/text.py", "shown = key.redact(text)", "shown = text",
    ),
    twin(
        27,
        "a key file that others can read is used",
        "asyncclient/test_config.py::test_key_files_that_cannot_be_used_are_refused_unseen",
        "asyncclient/config.py", "if mode & 0o077:", "if mode & 0o007 and False:",
    ),
    twin(
        28,
        "an ID is put into the path unescaped",
        "asyncclient/_protocol/endpoints/test_endpoints.py::test_an_invalid_person_id_is_refused_before_a_path_is_built",
        _IDS, "return str(number(value) or person_uuid(value))", "return value",
    ),
    twin(
        28,
        "an ID is escaped but not parsed",
        "asyncclient/_protocol/endpoints/test_endpoints.py::test_an_invalid_person_id_is_refused_before_a_path_is_built",
        _IDS, "        return str(number(value) or person_uuid(value))",
        "        from urllib.parse import quote\n\n        return quote(value, safe='')",
    ),
    twin(
        29,
        "flags that are off are sent as false",
        (
            "asyncclient/test_client.py::test_flags_are_on_the_wire_exactly_as_requested",
            "asyncclient/_protocol/endpoints/test_endpoints.py::test_flags_are_present_only_when_true_in_a_query_and_always_booleans_in_a_body",
        ),
        _DELETES, 'query = tuple((name, "true") for name, on in deletion_flags(delete_events, delete_recordings, keep_person) if on)',
        "query = tuple((name, str(on).lower()) for name, on in deletion_flags(delete_events, delete_recordings, keep_person))",
    ),
    twin(
        29,
        "flags in a body are strings",
        "asyncclient/_protocol/endpoints/test_endpoints.py::test_flags_are_present_only_when_true_in_a_query_and_always_booleans_in_a_body",
        _DELETES, "body |= dict(deletion_flags(delete_events, delete_recordings, keep_person))",
        "body |= {n: str(v).lower() for n, v in deletion_flags(delete_events, delete_recordings, keep_person)}",
    ),
    twin(
        30,
        "the size of a response body is not limited",
        "asyncclient/_transport/session/test_session_bounds.py::test_a_body_beyond_32_mib_is_refused_and_the_connection_dropped",
        _BODY, "limit = LARGEST_BODY if is_success else LARGEST_ERROR", "limit = 1 << 40",
    ),
    twin(
        30,
        "an error body has the size limit of a success",
        "asyncclient/_protocol/responses/test_error_bounds.py::test_an_endless_error_page_is_read_up_to_its_limit",
        _BODY, "limit = LARGEST_BODY if is_success else LARGEST_ERROR", "limit = LARGEST_BODY",
    ),
    twin(
        30,
        "JSON that is nested too deep crashes the client",
        "asyncclient/_transport/session/test_session_bounds.py::test_json_nested_without_end_is_one_clear_error",
        _EXPECTATIONS, "    except RecursionError:\n        problem", "    except ZeroDivisionError:\n        problem",
    ),
    twin(
        30,
        "a compressed body is unpacked completely before its size is checked",
        (
            "asyncclient/_protocol/responses/test_unpacking.py::test_a_gzip_bomb_is_unpacked_only_as_far_as_it_is_read",
            "asyncclient/_transport/session/test_session_bounds.py::test_a_gzip_bomb_is_refused_in_bounded_memory",
        ),
        "asyncclient/_protocol/responses/unpacking.py", "self._inflater.decompress(block, PIECE)", "self._inflater.decompress(block)",
    ),
    twin(
        10,
        "a cancelled call continues to send",
        "asyncclient/_transport/session/test_session_endings.py::test_a_call_that_has_ended_sends_nothing_more",
        _SESSION, "data=body if body is None or len(body) <= WRITTEN_AT_ONCE else BytesIO(body)", "data=body",
    ),
    twin(
        10,
        "an unrequested response counts as that of the next request",
        "asyncclient/_transport/session/test_session_endings.py::test_an_unrequested_response_is_not_that_of_the_next_call",
        _ATTEMPT, "if self._turns.now() == before:", "if False:",
    ),
    twin(
        16,
        "closing the client does not end waiting calls",
        "asyncclient/_transport/session/test_session_endings.py::test_closing_the_client_ends_every_call",
        _SESSION, "        self._deadlines.close()\n", "",
    ),
    twin(
        27,
        "the exception of aiohttp is kept in a frame",
        "asyncclient/_transport/session/test_users_connector.py::test_a_proxy_that_refuses_a_tunnel_is_a_failure_that_shows_no_password",
        _SESSION, "            del first  # a variable of this frame would show it\n", "",
    ),
    twin(
        28,
        "a request target contains a line end",
        "asyncclient/_transport/session/test_session_requests.py::test_a_target_is_one_word_or_refused",
        _SESSION, "if not (target.isascii() and target.isprintable()) or", "if",
    ),
    twin(
        31,
        "TLS certificates are not verified",
        "asyncclient/_transport/session/test_session_tls.py::test_a_self_signed_certificate_is_refused_before_anything_is_sent",
        _SESSION, "ssl=options.ssl_context or True", "ssl=False",
    ),
    twin(
        31,
        "a TLS context that does not verify is accepted",
        "asyncclient/_transport/session/test_session_tls.py::test_a_context_that_does_not_verify_the_server_is_refused",
        _OPTIONS, "if context.verify_mode is not ssl.CERT_REQUIRED or not context.check_hostname:", "if False:",
    ),
    twin(
        31,
        "plain http is allowed for any host",
        "asyncclient/test_config.py::test_hosts_that_cannot_be_used_are_refused_with_the_fix",
        "asyncclient/config.py", 'if parts.scheme == "http" and not allow_http and not _is_loopback(name):', "if False:",
    ),
)  # fmt: skip
