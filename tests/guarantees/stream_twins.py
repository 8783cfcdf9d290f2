"""Mistakes in streams, signals and files of results: guarantees 9, 17 and 30."""

from twin import Twin, twin

_OUTPUT = "bulk/cli/streams/output.py"
_OUTPUT_FILE = "bulk/cli/streams/output_file.py"
_BLOCKED = "bulk/cli/signals/test_blocked.py::test_"
_OUTPUT_TESTS = "bulk/cli/streams/test_output.py::test_"
_FILE_TESTS = "bulk/cli/streams/test_output_file.py::test_"

STREAMS: tuple[Twin, ...] = (
    twin(
        9,
        "an output file replaces an input file under another name",
        _FILE_TESTS + "an_input_file_is_never_replaced_under_any_name",
        _OUTPUT_FILE, "        return one.samefile(other)", "        return one == other",
    ),
    twin(
        9,
        "an output file is replaced without --force",
        _FILE_TESTS + "a_file_that_exists_is_replaced_by_force_alone",
        _OUTPUT_FILE, "    if not force:\n", "    if False:\n",
        _OUTPUT_FILE, "        if force:\n", "        if True:\n",
    ),
    twin(
        9,
        "--force replaces a journal",
        _FILE_TESTS + "force_takes_no_plan_and_no_journal_of_any_job",
        _OUTPUT_FILE, "return is_plan(head) or is_journal(head)", "return False",
    ),
    twin(
        17,
        "the job waits for the reader of its output",
        _BLOCKED + "a_job_with_blocked_output_continues_ends_and_resumes[delete]",
        _OUTPUT, "            self._thread.start()\n",
        "            self._thread.start()\n        self._changed.wait_for(lambda: not self._waiting)\n",
    ),
    twin(
        17,
        "a second signal is not handled",
        "bulk/cli/signals/test_signals.py::test_the_second_signal_ends_the_process_at_once_and_the_journal_resumes[2]",
        "bulk/cli/signals.py", "            _end_process(number)\n", "            return\n",
    ),
    twin(
        17,
        "a signal in the checks before a run ends the command with exit code 75",
        "bulk/cli/signals/test_interruption.py::test_in_the_checks_before_a_run_the_plan_is_kept[stall-15]",
        "bulk/cli/signals.py", "except (asyncio.CancelledError, NotFinished, OSError):", "except (asyncio.CancelledError, OSError):",
    ),
    twin(
        17,
        "a signal does not wake a waiting event loop",
        "bulk/cli/signals/test_signals.py::test_a_signal_that_does_not_interrupt_the_waiting_loop_wakes_it",
        "bulk/cli/signals.py", "before = signal.set_wakeup_fd(theirs.fileno(), warn_on_full_buffer=False)", "before = -1",
    ),
    twin(
        17,
        "the thread that handles signals reads standard input",
        _BLOCKED + "a_silent_standard_input_does_not_keep_the_command_from_ending[persons]",
        "bulk/selection/input_lines.py", "await anyio.to_thread.run_sync(lambda: list(islice(lines, count)), abandon_on_cancel=True)", "list(islice(lines, count))",
    ),
    twin(
        17,
        "a terminal stops a job in the background",
        _BLOCKED + "a_job_in_the_background_of_a_terminal_is_not_stopped",
        "bulk/cli/streams/standard.py", "signal.signal(number, signal.SIG_IGN)", "signal.getsignal(number)",
    ),
    twin(
        18,
        "progress piles up for a reader that is behind",
        _OUTPUT_TESTS + "progress_is_dropped_while_its_reader_is_behind_and_results_are_not",
        _OUTPUT, "if self._error is not None or (limit is not None and self._waiting > limit):",
        "if self._error is not None:",
    ),
    twin(
        30,
        "printed text is not sanitized",
        "bulk/cli/terminal/test_harmless.py::test_a_plan_its_run_and_files_in_the_way",
        "bulk/cli/streams/text.py", "paragraph(text).encode(", "text.encode(",
    ),
    twin(
        30,
        "a cell may be a formula after a semicolon",
        (
            "bulk/test_sanitize.py::test_a_formula_after_a_semicolon_is_quoted",
            "bulk/export/test_csv_rows.py::test_a_spreadsheet_that_splits_elsewhere_finds_no_formula",
        ),
        "bulk/sanitize.py", 'shown = _AFTER_SEMICOLON.sub(";\'", plain(text, limit=None))', "shown = plain(text, limit=None)",
    ),
    twin(
        30,
        "a string in a JSON cell may be a formula after a semicolon",
        "bulk/export/test_csv_rows.py::test_a_spreadsheet_that_splits_elsewhere_finds_no_formula",
        "bulk/sanitize.py", "found[1] + _json(found[2], always=True)", "found[0]",
    ),
    twin(
        30,
        "events of the command contain characters outside ASCII",
        "bulk/cli/terminal/test_harmless.py::test_json_is_ascii_and_a_name_that_is_not_utf_8_ends_no_job_with_70",
        "bulk/cli/display/json_events.py", 'encode_line({"event": kind, "at": _iso',
        '__import__("msgspec").json.encode({"event": kind, "at": _iso',
    ),
)  # fmt: skip
