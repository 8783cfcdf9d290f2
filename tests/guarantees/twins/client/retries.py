"""Mistakes in retries and outages of the server: guarantees 10 to 12, 14 and 16."""

from twin import Twin, twin

_RETRY = "asyncclient/retry.py"
_CLIENT_TESTS = "asyncclient/_transport/test_availability.py::test_"
_AVAILABILITY = "asyncclient/_transport/availability.py"
_OUTAGE = "asyncclient/_protocol/outage.py"
_PURE_TESTS = "asyncclient/_protocol/test_outage.py::test_"

RETRIES: tuple[Twin, ...] = (
    twin(
        10,
        "a call made once is repeated",
        (
            "asyncclient/test_client.py::test_a_once_view_makes_exactly_one_attempt_for_any_outcome",
            "asyncclient/_transport/test_retrying.py::test_with_before_send_there_is_one_attempt_whatever_the_outcome",
        ),
        "asyncclient/_transport/retrying.py",
        "            if before_send is not None or request.once:\n                raise error\n",
        "",
    ),
    twin(
        11,
        "a write that may have been done is repeated",
        (
            "asyncclient/test_retry.py::test_writes_are_not_retried_if_they_may_have_had_an_effect",
            "asyncclient/test_client.py::test_a_write_that_may_have_had_an_effect_is_never_retried",
        ),
        _RETRY,
        "    if mutating:\n",
        "    if False:\n",
    ),
    twin(
        11,
        "a change that may have been made is sent again after an outage",
        _CLIENT_TESTS + "a_change_that_may_have_been_made_is_not_sent_again_after_an_outage",
        "asyncclient/_transport/retrying.py",
        "had_no_effect = not mutating or isinstance(error, ConnectFailed)",
        "had_no_effect = True",
    ),
    twin(
        12,
        "a request is retried after an untrusted certificate",
        "asyncclient/_transport/test_failures.py::test_a_certificate_that_is_not_trusted_is_not_retried",
        _RETRY,
        "    if isinstance(error, UntrustedCertificate):\n",
        "    if False:\n",
    ),
    twin(
        12,
        "a request is retried whose response would be the same",
        "asyncclient/test_retry.py::test_an_error_that_would_be_the_same_is_not_retried",
        _RETRY,
        'return GiveUp("the response would be the same")',
        "return Retry(0.0)",
    ),
    twin(
        12,
        "backoff has no jitter",
        "asyncclient/test_jitter.py::test_each_wait_is_drawn_from_nothing_up_to_the_backoff_of_that_attempt",
        _RETRY,
        "return uniform(0.0, min(policy.cap_s",
        "return max(0.0, min(policy.cap_s",
    ),
    twin(
        12,
        "attempts are not counted",
        "asyncclient/_transport/test_retrying.py::test_five_attempts_with_growing_waits_then_the_error",
        _RETRY,
        "if attempt >= policy.attempts:",
        "if attempt > policy.attempts:",
    ),
    twin(
        12,
        "a request that fails alone counts as an outage",
        (
            _CLIENT_TESTS + "a_read_that_fails_alone_is_no_outage",
            "integration/outages/test_outages_and_failures.py::test_one_person_whose_read_times_out_is_no_outage",
        ),
        _AVAILABILITY,
        "            if failed_with is None:\n                availability.responded_at = began\n                return False\n",
        "            failed_with = failed_with or PostHogError()\n",
    ),
    twin(
        12,
        "a host name that stops existing in a run is no outage",
        _PURE_TESTS + "a_name_that_does_not_exist_any_more_may_be_an_outage",
        _OUTAGE,
        " and not host_is_known:\n",
        ":\n",
    ),
    twin(
        12,
        "requests leave while the server is in an outage",
        _CLIENT_TESTS + "a_request_that_waited_for_its_permit_does_not_leave_in_an_outage",
        "asyncclient/_transport/rate_limited.py",
        "            if server is not None and server.is_in_doubt:\n                raise RequestWithheld\n",
        "",
    ),
    twin(
        12,
        "an outage is waited out for ever",
        _PURE_TESTS + "the_waiting_ends_after_a_probe_that_failed_when_the_time_was_over",
        _OUTAGE,
        "        if self.probed_at >= gives_up_at:\n",
        "        if False:\n",
    ),
    twin(
        14,
        "a pause above the maximum is waited for",
        "asyncclient/_transport/test_retrying.py::test_above_the_longest_pause_nothing_is_sent_and_every_call_fails_at_once",
        _RETRY,
        "    if pause_s > policy.longest_pause_s:\n",
        "    if False:\n",
    ),
    twin(
        14,
        "a 429 without a usable Retry-After pauses nothing",
        (
            "asyncclient/_transport/test_retrying.py::test_a_server_with_repeated_429s_is_not_flooded_and_lowers_the_limit_once",
            "asyncclient/test_retry.py::test_a_retry_after_without_a_usable_length_means_the_minimum_backoff",
        ),
        _RETRY,
        "return max(error.retry_after_s or 0.0, min(policy.cap_s, policy.base_s * 2.0**attempt))",
        "return error.retry_after_s or 0.0",
    ),
    twin(
        14,
        "a pause of more than an hour is waited out as an outage",
        _PURE_TESTS + "a_failure_may_be_an_outage_if_the_server_did_not_respond_as_a_working_one",
        _OUTAGE,
        "    return requested_s is None or requested_s <= longest_pause_s\n",
        "    return True\n",
    ),
    twin(
        16,
        "a cancelled wait leaves the outage behind",
        _CLIENT_TESTS + "cancelling_the_last_request_that_waits_leaves_nothing_behind",
        _AVAILABILITY,
        "            if not availability.waiting and availability.outage is not None:\n                availability.end()\n",
        "",
    ),
)
