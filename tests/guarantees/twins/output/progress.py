"""Mistakes in what is shown of progress: guarantees 14 and 25."""

from twin import Twin, twin

_TRACKER = "bulk/progress/wait_tracker.py"
_SCREENS = "integration/test_screens.py::test_"
_TRACKER_TESTS = "bulk/progress/test_wait_tracker.py::test_"

PROGRESS: tuple[Twin, ...] = (
    twin(
        14,
        "a pause before a retry is not shown",
        (
            _TRACKER_TESTS + "a_read_that_sits_out_a_pause_before_its_retry_shows_the_pause",
            _SCREENS + "a_plan_with_a_pause_of_40_s",
        ),
        _TRACKER,
        "            waits += self._pauses_before_retries(now)\n",
        "            pass\n",
    ),
    twin(
        14,
        "a pause that is over slows the estimate down",
        "bulk/progress/test_rates.py::test_the_time_left_includes_the_waits_ahead",
        "bulk/progress/rates.py",
        "progress.elapsed_s - progress.interrupted_s - standing_s",
        "progress.elapsed_s - standing_s",
    ),
    twin(
        14,
        "the estimate leaves out what is still waited for",
        "bulk/progress/test_rates.py::test_the_time_left_includes_the_waits_ahead",
        "bulk/progress/rates.py",
        "        wait_left_s = wait.left_s or 0.0\n",
        "",
    ),
    twin(
        14,
        "an outage is logged twice",
        "bulk/test_event_log.py::test_an_event_that_the_client_logs_is_not_logged_twice",
        "bulk/event_log.py",
        "if (message := message_of(event)) is not None:",
        "if (message := message_of(event) or event.__class__.__name__):",
    ),
    twin(
        25,
        "without a display, an outage before the run is in no journal",
        "integration/outages/test_recorded_waits.py::test_an_outage_is_in_the_journal_and_the_report",
        "bulk/progress/activity_reporter.py",
        "ticking(self.report, failed",
        "ticking(None if self._on_progress is None else self.report, failed",
    ),
)
