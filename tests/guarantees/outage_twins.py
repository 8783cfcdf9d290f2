"""Mistakes about outages of the server: guarantees 11, 12, 14, 16 and 24."""

from twin import Twin, twin

_OUTAGE = "asyncclient/_protocol/outage.py"
_AVAILABILITY = "asyncclient/_transport/availability.py"
_PURE_TESTS = "asyncclient/_protocol/test_outage.py::test_"
_CLIENT_TESTS = "asyncclient/_transport/test_availability.py::test_"
_ENGINE_TESTS = "integration/test_outages.py::test_"

OUTAGES: tuple[Twin, ...] = (
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
        "a request that fails alone counts as an outage",
        (
            _CLIENT_TESTS + "a_read_that_fails_alone_is_no_outage",
            _ENGINE_TESTS + "one_person_whose_read_times_out_is_no_outage",
        ),
        _AVAILABILITY,
        "            if failed_with is None:\n                availability.responded_at = began\n                return False\n",
        "            failed_with = failed_with or PostHogError()\n",
    ),
    twin(
        12,
        "a split waits for no outage",
        "integration/test_outages_by_command.py::test_a_split_that_certainly_did_not_reach_the_server_is_sent_when_it_is_back",
        "bulk/execution/splitting/person_split.py",
        "waiting_out(client, retry_for_s, on_outage=on_progress)",
        "waiting_out(client, 0.0, on_outage=on_progress)",
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
        "            if server is not None and server.is_in_doubt:\n                raise HeldBack\n",
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
        12,
        "an outage spends the attempts of persons",
        _ENGINE_TESTS + "outages_spend_no_attempt_no_retry_and_do_not_open_the_breaker",
        "bulk/execution/group_executor.py",
        "        if in_outage:\n            self._job.refund(numbers[result.failed_at or 0 :])\n",
        "",
    ),
    twin(
        12,
        "an outage takes from the time that changes have to show",
        _ENGINE_TESTS + "an_outage_takes_nothing_from_the_time_that_changes_have_to_show",
        "bulk/verification/completion_poller.py",
        "max(0.0, now - waited_at - outages_s)",
        "max(0.0, now - waited_at)",
    ),
    twin(
        14,
        "a pause of more than an hour is waited out as an outage",
        (
            _PURE_TESTS + "a_failure_may_be_an_outage_if_the_server_did_not_respond_as_a_working_one",
            _CLIENT_TESTS + "a_server_that_names_a_pause_is_probed_after_it_and_too_long_a_pause_ends_the_call",
        ),
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
    twin(
        24,
        "an outage opens the breaker or spends the retry budget",
        _ENGINE_TESTS + "outages_spend_no_attempt_no_retry_and_do_not_open_the_breaker",
        "bulk/execution/batch_policy.py",
        "        if in_outage:\n",
        "        if False:\n",
    ),
)
