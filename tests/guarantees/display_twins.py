"""Mistakes in what is shown of waits: guarantee 14."""

from twin import Twin, twin

_TRACKER = "bulk/progress/wait_tracker.py"
_TRACKER_TESTS = "bulk/progress/test_wait_tracker.py::test_"
_DISPLAY_TESTS = "bulk/cli/display/test_live_display.py::test_"
_SCREENS = "integration/test_screens.py::test_"

DISPLAY: tuple[Twin, ...] = (
    twin(
        14,
        "a pause before a retry is not shown",
        (
            _TRACKER_TESTS + "a_read_that_sits_out_a_pause_before_its_retry_shows_the_pause",
            _SCREENS + "a_plan_with_a_pause_of_40_s",
        ),
        _TRACKER, "            waits += self._pauses_before_retries(now)\n", "            pass\n",
    ),
    twin(
        14,
        "requests that wait for the rate limit are not shown",
        _TRACKER_TESTS + "a_request_that_waits_for_the_rate_limit_is_one_wait_with_its_end",
        "asyncclient/limits/permits.py", "                    self.blocked_since = now\n", "                    pass\n",
    ),
    twin(
        14,
        "nothing is shown until something happens",
        ("bulk/concurrency/test_ticker.py::test_the_ticker_calls_every_second_until_the_block_ends", _SCREENS + "our_own_minute_limit"),
        "bulk/concurrency/ticker.py", "            tick()\n", "            pass\n",
    ),
    twin(
        14,
        "a pause is shown for every batch",
        _DISPLAY_TESTS + "a_pause_is_not_shown_for_every_batch",
        "bulk/cli/display/messages.py", "return None if is_pause else failure_line(event)", "return failure_line(event)",
    ),
    twin(
        14,
        "a pause that is over slows the estimate down",
        "bulk/progress/test_rates.py::test_the_time_left_includes_the_waits_ahead",
        "bulk/progress/rates.py", "progress.elapsed_s - progress.interrupted_s - standing_s", "progress.elapsed_s - standing_s",
    ),
    twin(
        14,
        "the estimate leaves out what is still waited for",
        "bulk/progress/test_rates.py::test_the_time_left_includes_the_waits_ahead",
        "bulk/progress/rates.py", "        wait_left_s = wait.left_s or 0.0\n", "",
    ),
    twin(
        14,
        "without a display, waits are not counted",
        "acceptance/test_unattended.py::test_the_log_of_an_unattended_job_has_each_of_its_steps",
        "bulk/execution/open_job.py", "ticking(emitter.tick, failed", "ticking(None if on_progress is None else emitter.tick, failed",
    ),
    twin(
        25,
        "a wait is recorded when it is over and not while it lasts",
        "integration/outages/test_recorded_waits.py::test_a_run_that_is_killed_in_an_outage_leaves_at_least_half_of_it",
        "bulk/execution/progress_emitter.py", "        self._record_waits(self._wait_tracker.spans.due())\n", "",
    ),
    twin(
        25,
        "without a display, an outage before the run is in no journal",
        "integration/outages/test_recorded_waits.py::test_an_outage_is_in_the_journal_and_the_report",
        "bulk/progress/activity.py", "ticking(self.report, failed", "ticking(None if self._on_progress is None else self.report, failed",
    ),
    twin(
        14,
        "an outage is logged twice",
        "bulk/test_event_log.py::test_an_event_that_the_client_logs_is_not_logged_twice",
        "bulk/event_log.py", "if (message := message_of(event)) is not None:", "if (message := message_of(event) or event.__class__.__name__):",
    ),
    twin(
        14,
        "a line is broken by the terminal",
        "bulk/cli/display/test_screen.py::test_no_line_is_wider_than_the_terminal",
        "bulk/cli/display/screen.py", "        while cell_len(current) > width:\n", "        while False:\n",
    ),
    twin(
        14,
        "the cursor is left below the progress, where a resized terminal is not erased",
        "bulk/cli/display/test_screen.py::test_the_cursor_is_left_at_the_first_line_so_that_a_resized_terminal_is_erased_from_there",
        "bulk/cli/display/frame.py", "return hide + erase + self._text() + self._to_first_line()", "return hide + erase + self._text()",
    ),
)  # fmt: skip
