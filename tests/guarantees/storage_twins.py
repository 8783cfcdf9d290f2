"""Mistakes in journal, plan, report and files: guarantees 1 to 9, 25 and 30."""

from twin import Twin, twin

_FRAMING = "bulk/journal/framing.py"
_STORAGE = "bulk/journal/storage.py"
_LOCKED = "bulk/journal/locked_file.py"
_WRITER = "bulk/journal/writer.py"
_FILES = "bulk/files/private_files.py"

STORAGE: tuple[Twin, ...] = (
    twin(
        1,
        "durable returns without a sync",
        "integration/resuming/test_write_ahead.py::test_no_request_arrives_before_its_intent_was_synced",
        "bulk/journal/fsync_thread.py", "self._sync(self._fd)", "pass",
    ),
    twin(
        1,
        "a record written during a sync counts as synced",
        "bulk/journal/test_writer.py::test_a_record_written_during_a_sync_does_not_count_as_synced",
        _WRITER, "self._durable_n = self._syncing_n", "self._durable_n = self._next_n",
        _WRITER, "if self._sync_runs and target_n <= self._syncing_n:", "if self._sync_runs:",
    ),
    twin(
        1,
        "the folder of a new journal is not synced",
        "bulk/journal/file/test_storage.py::test_the_file_and_its_folder_are_synced_before_a_journal_is_open",
        _STORAGE, "            sync_folder(path)\n            return cls(", "            return cls(",
    ),
    twin(
        3,
        "a torn tail is not cut",
        "bulk/journal/file/test_repair.py::test_nothing_is_appended_to_a_broken_line",
        _STORAGE, "os.ftruncate(fd, offset)", "pass",
    ),
    twin(
        3,
        "a torn tail is cut without a copy",
        "bulk/journal/file/test_repair.py::test_a_torn_tail_is_copied_aside_and_cut_off_once",
        _STORAGE, "set_aside = _set_aside(path, fd, end.offset)", "set_aside = None",
    ),
    twin(
        3,
        "a copy that a killed repair left is not synced before the cut",
        "bulk/journal/file/test_repair.py::test_an_existing_copy_of_the_tail_is_synced_before_the_cut",
        _STORAGE, "            _sync(aside, other)", "            pass",
    ),
    twin(
        4,
        "damage is repaired as a torn tail",
        "bulk/journal/file/test_repair.py::test_damage_is_refused_with_its_line_and_changes_nothing",
        _FRAMING, "                    if self._sound(line[match.start() :]) is not None:", "                    if False:",
        _FRAMING, "if _FRAME.fullmatch(line):", "if False:",
    ),
    twin(
        4,
        "a first line of another journal is reported as damage of the second",
        "bulk/journal/file/test_damaged_lines.py::test_a_line_of_another_journal_is_damage",
        _FRAMING, "elif self._next_n == 1 and _same_seed(self._misfit, misfit):", "elif False:",
    ),
    twin(
        4,
        "line numbers are not compared",
        "bulk/journal/file/test_damaged_lines.py::test_a_doubled_line_is_damage_even_at_the_end",
        _FRAMING, " and starts == _NUMBER * count % tuple(range(first, first + count))", "",
        _FRAMING, " or not line.startswith(start)", "",
    ),
    twin(
        4,
        "checksums do not depend on the job",
        "bulk/journal/file/test_damaged_lines.py::test_a_line_of_another_journal_is_damage",
        _FRAMING, 'return crc32(job.encode("utf-8", "surrogatepass"))', "return 0",
    ),
    twin(
        5,
        "a short write counts as a complete one",
        "bulk/journal/test_writer_failures.py::test_nothing_is_written_after_the_first_failure",
        _WRITER, "if written == len(data):", "if written:",
    ),
    twin(
        5,
        "a failed sync is reported as success",
        "bulk/journal/test_writer_failures.py::test_a_failed_sync_also_reaches_waiters_for_the_next_one",
        _WRITER, '        if error is not None:\n            self._fail("a sync", error)\n', "        if error is not None:\n            pass\n",
    ),
    twin(
        5,
        "a descriptor whose sync failed is synced again",
        "bulk/journal/test_writer_failures.py::test_nothing_is_written_after_the_first_failure",
        _WRITER, "self._failure = WriteFailed(self.path, problem, *fix)", "self._failure = None",
    ),
    twin(
        5,
        "writing continues after the journal was removed, replaced or cut short",
        (
            "integration/resuming/test_journal_lost.py::test_no_intent_is_written_after_the_journal_is_lost",
            "bulk/journal/test_writer_failures.py::test_records_in_a_lost_file_are_not_durable",
        ),
        _WRITER, "elif lost := self._file.lost(self._size):", "elif lost := None:",
    ),
    twin(
        5,
        "writing continues after another program cut the journal short",
        (
            "integration/resuming/test_journal_lost.py::test_a_journal_cut_short_during_a_run_is_refused_later",
            "bulk/journal/file/test_locked_file.py::test_a_file_that_was_removed_replaced_or_changed_is_lost",
        ),
        _LOCKED, "if size is not None and there.st_size != size:", "if False:",
    ),
    twin(
        8,
        "the lock is shared",
        "bulk/journal/file/test_storage.py::test_opening_a_journal_twice_reports_that_it_is_busy",
        _LOCKED, "fcntl.LOCK_EX", "fcntl.LOCK_SH",
    ),
    twin(
        8,
        "the lock is waited for",
        "bulk/journal/file/test_crashes.py::test_one_of_two_processes_continues_and_the_other_exits",
        _LOCKED, "fcntl.flock(self.fd, fcntl.LOCK_EX | fcntl.LOCK_NB)", "raise FileTrouble(self.path, 'is waited for', 'x')",
    ),
    twin(
        8,
        "the lock of a replaced file counts",
        "bulk/journal/file/test_storage.py::test_a_file_that_is_replaced_before_it_is_locked_is_not_used",
        _LOCKED, "if file.lost() is None:", "if True:",
    ),
    twin(
        8,
        "a run continues in a file that its path no longer names",
        "integration/resuming/test_journal_lost.py::test_after_its_journal_was_replaced_a_run_sends_nothing_more",
        _LOCKED, 'return "was replaced by another file"', "return None",
    ),
    twin(
        8,
        "a forked child keeps the lock of a dead owner",
        "bulk/journal/file/test_locked_file.py::test_a_forked_child_does_not_keep_the_lock_of_a_dead_owner",
        _LOCKED, "after_in_child=_leave_in_child", "after_in_child=_opening.release",
    ),
    twin(
        8,
        "a forked child keeps the lock of a run that is over",
        "bulk/journal/file/test_locked_file.py::test_closing_releases_the_lock_even_if_a_copy_of_the_descriptor_is_open",
        _LOCKED, "            fcntl.flock(fd, fcntl.LOCK_UN)\n", "            pass\n",
    ),
    twin(
        8,
        "a forked child releases the lock",
        "bulk/journal/file/test_locked_file.py::test_a_forked_child_neither_keeps_nor_releases_the_lock",
        _LOCKED, "                os.close(fd)  # no unlock", "                fcntl.flock(fd, fcntl.LOCK_UN)  # no unlock",
    ),
    twin(
        9,
        "files are created readable by everyone",
        (
            "bulk/files/test_private_files.py::test_a_created_file_is_private_with_any_umask",
            "bulk/journal/file/test_storage.py::test_a_new_journal_is_empty_and_private_with_any_umask",
            "bulk/plan/test_plan_file.py::test_a_plan_is_private_and_replaces_no_file",
        ),
        _FILES, "PRIVATE = 0o600", "PRIVATE = 0o644",
    ),
    twin(
        9,
        "an empty file that others can read becomes a journal",
        "bulk/journal/file/test_storage.py::test_an_empty_file_that_no_run_created_is_refused",
        _STORAGE, "        if empty:", "        if False:",
    ),
    twin(
        9,
        "a journal stays readable by others",
        "bulk/journal/file/test_storage.py::test_a_journal_that_others_can_read_is_made_private",
        _STORAGE, "os.fchmod(fd, PRIVATE)", "pass",
    ),
    twin(
        9,
        "creating a file opens an existing one",
        "bulk/files/test_private_files.py::test_creating_never_opens_an_existing_file",
        _FILES, "os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW", "os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW",
    ),
    twin(
        9,
        "a symlink is followed on opening",
        (
            "bulk/files/test_private_files.py::test_only_regular_files_are_opened_without_waiting",
            "bulk/journal/file/test_storage.py::test_only_a_regular_file_is_a_journal",
            "bulk/plan/test_plan_file_damage.py::test_only_a_regular_file_is_loaded",
        ),
        _FILES, "extra = os.O_NOFOLLOW | os.O_CLOEXEC", "extra = os.O_CLOEXEC",
    ),
    twin(
        9,
        "a plan has a name while it is made",
        "bulk/plan/test_plan_file_damage.py::test_a_kill_while_planning_leaves_no_file",
        "bulk/files/unnamed_file.py", 'flag = getattr(os, "O_TMPFILE", 0)', "flag = 0",
    ),
    twin(
        23,
        "an edited plan is accepted",
        "bulk/plan/test_plan_file_damage.py::test_a_changed_target_is_reported_with_both_digests",
        "bulk/plan/plan_file.py", "if digest != footer.digest:", "if False:",
    ),
    twin(
        23,
        "a plan that is edited while it runs is accepted",
        "bulk/plan/test_plan_file_damage.py::test_editing_the_file_in_place_later_is_detected",
        "bulk/plan/plan_file.py", "if zlib.crc32(data) != self._index.sums[block]:", "if False:",
    ),
    twin(
        30,
        "control characters reach the terminal",
        (
            "bulk/test_sanitize.py::test_plain_text_holds_no_control_bidi_or_invisible_character",
            "bulk/cli/test_main.py::test_error_messages_have_no_control_characters",
        ),
        "bulk/sanitize.py", '_UNSAFE_CATEGORIES = frozenset({"Cc", "Cf", ', "_UNSAFE_CATEGORIES = frozenset({",
    ),
    twin(
        30,
        "a cell may be a formula",
        "bulk/test_sanitize.py::test_a_formula_is_quoted",
        "bulk/sanitize.py", 'return "\'" + shown if shown.lstrip().startswith(_FORMULA) else shown', "return shown",
    ),
    twin(
        30,
        "markup is live in a report",
        "bulk/report/rendering/test_rendering.py::test_no_foreign_text_breaks_a_table_or_makes_markup",
        "bulk/sanitize.py", '.replace("<", "&lt;")', "",
    ),
)  # fmt: skip
