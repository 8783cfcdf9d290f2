"""Mistakes in receipts: guarantee 34."""

from twin import Twin, twin

_RECEIPTS = "bulk/requests/test_receipts.py::test_"

RECEIPTS: tuple[Twin, ...] = (
    twin(
        34,
        "all jobs have the same key",
        _RECEIPTS + "two_jobs_have_different_keys_and_references",
        "bulk/requests/receipts_writer.py",
        "key = secrets.token_hex(len(NO_KEY) // 2)",
        'key = "5" * len(NO_KEY)',
    ),
    twin(
        34,
        "receipts hold IDs as they are",
        "integration/erasure/test_receipts.py::test_the_answers_are_right_and_the_evidence_names_nobody",
        "bulk/requests/receipt_lines.py",
        "return b2a_base64(digest[:REFERENCE_BYTES], newline=False)[:_LETTERS]",
        "return value.hex().encode()",
    ),
    twin(
        34,
        "the reference of a request is kept although it holds an ID",
        _RECEIPTS + "a_reference_that_holds_an_id_is_kept_as_a_keyed_reference_and_found",
        "bulk/requests/receipts_writer.py",
        "is_hidden = reference is not None and looks_like_id(reference, value)",
        "is_hidden = False",
    ),
    twin(
        34,
        "a changed line of receipts is believed",
        _RECEIPTS + "a_changed_byte_anywhere_is_noticed_with_its_line",
        "bulk/requests/receipts.py",
        "if checksum is None or footer is not None:",
        "if footer is not None:",
        "bulk/requests/receipts.py",
        "                before = checksum\n                decoded",
        "                before = checksum or 0\n                decoded",
    ),
    twin(
        34,
        "receipts have their key before there is a plan",
        _RECEIPTS + "nothing_is_left_without_a_plan_and_receipts_without_a_key_are_useless",
        "bulk/requests/receipts_writer.py",
        "            key=NO_KEY,\n            job=NO_JOB,",
        "            key=key,\n            job=NO_JOB,",
    ),
    twin(
        34,
        "receipts of a run are replaced by another plan",
        _RECEIPTS + "receipts_of_a_run_are_never_replaced_and_others_are",
        "bulk/requests/receipts_writer.py",
        "return read_receipts_header(path)[0].job if",
        "return NO_JOB if",
    ),
    twin(
        34,
        "a person that an earlier line selected is not found by the ID of a later one",
        "bulk/plan/planner/test_planner_requests.py::test_rows_of_every_kind_select_their_persons_in_their_order",
        "bulk/requests/look_ups.py",
        "            self.linked.setdefault(person, set()).add(name)",
        "            pass",
    ),
    twin(
        34,
        "a request of 31 January is due in March",
        "bulk/requests/test_due_dates.py::test_a_request_is_due_a_month_after_its_receipt",
        "bulk/requests/due_dates.py",
        "return date(year, month, min(received.day, calendar.monthrange(year, month)[1]))",
        "return date.fromordinal(received.toordinal() + 31)",
    ),
    twin(
        34,
        "a request that PostHog held no person for stays open",
        "bulk/cli/flows/test_expect_unmatched.py::test_the_receipts_say_that_posthog_held_no_person",
        "bulk/requests/open_requests.py",
        "_NOT_DONE - {_UNMATCHED} if unmatched_expected else _NOT_DONE",
        "_NOT_DONE",
    ),
    twin(
        34,
        "receipts whose first line was changed count as missing",
        "bulk/report/test_find.py::test_a_changed_line_is_named_whichever_way_the_receipts_are_given[1]",
        "bulk/report/find.py",
        "        if os.path.lexists(receipts_of(journal)):\n",
        "        if False:\n",
    ),
    twin(
        34,
        "shred leaves receipts behind that were changed",
        "bulk/report/test_find.py::test_receipts_that_do_not_fit_the_job_are_not_left_behind_in_silence",
        "bulk/jobs/shred.py",
        "                _refuse_receipts(usual, journal)  # the user asked to destroy them: do not keep them silently\n",
        "                return found\n",
    ),
)
