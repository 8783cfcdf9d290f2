"""Mistakes in reading persons, rows and recordings back: guarantees 11 and 20 to 22."""

from twin import Twin, twin

_READER = "bulk/posthog/person_reader.py"
_READER_TEST = "bulk/posthog/test_person_reader.py::test_"
_HALVING = "bulk/posthog/halving.py"
_BATCHES = "bulk/posthog/batch_reads.py"
_ROWS = "bulk/posthog/deletion_rows.py"
_ROWS_TEST = "bulk/posthog/test_deletion_rows.py::test_"
_RECORDINGS = "integration/erasure/test_recordings.py::test_"
_VERIFIED = "integration/facts/test_verification.py::test_"
_FACTS = "integration/facts/test_facts.py::test_"

READING: tuple[Twin, ...] = (
    twin(
        11,
        "a person that one response leaves out counts as absent",
        _READER_TEST + "one_response_that_leaves_a_person_out_proves_nothing",
        _READER,
        "        return asked_at >= first + CONFIRM_AFTER_S",
        "        return True",
    ),
    twin(
        11,
        "the second read relies on the first one by UUID",
        (
            _READER_TEST + "a_person_found_only_by_distinct_id_is_present",
            _READER_TEST + "a_merged_person_is_absent_and_the_new_owner_is_returned",
        ),
        _READER,
        "return owner if person.uuid == uuid else Absent(person)",
        "return Absent()",
    ),
    twin(
        11,
        "a failed second read counts as absence",
        _READER_TEST + "a_second_read_that_fails_decides_nothing_and_the_third_one_does",
        _READER,
        "        case Unread(why) if why is not UnreadReason.LEFT_OUT:\n            return owner\n",
        "",
    ),
    twin(
        11,
        "a batch that fails is not halved",
        (
            "bulk/posthog/test_halving.py::test_every_readable_person_is_read_despite_three_unreadable_ones",
            "bulk/posthog/test_reader_failures.py::test_one_malformed_record_does_not_affect_other_persons[no properties]",
        ),
        _HALVING,
        "            left += [(part[middle:], False), (part[:middle], False)]",
        "            results |= dict.fromkeys(part, Unread(why))",
    ),
    twin(
        11,
        "a server that never responds is asked for each person",
        "bulk/posthog/test_halving.py::test_a_server_that_fails_for_everyone_is_not_asked_for_each_person",
        _HALVING,
        "is_last_try = not succeeded and failed_singles >= MAX_FAILED_SINGLES",
        "is_last_try = False",
    ),
    twin(
        11,
        "a 404 for a batch read counts as absence",
        "bulk/posthog/test_reader_failures.py::test_a_404_from_an_existing_batch_route_makes_no_person_absent",
        _BATCHES,
        "group, Unread(UnreadReason.AMBIGUOUS_404)",
        "group, Absent()",
    ),
    twin(
        11,
        "planning by query drops persons that one response leaves out",
        "bulk/plan/planner/test_planner_reads.py::test_planning_by_query_keeps_a_person_that_one_response_leaves_out",
        "bulk/posthog/property_query.py",
        "[uuid for uuid, result in results.items() if isinstance(result, Unread)]",
        "[]",
    ),
    twin(
        11,
        "an export calls a line unmatched, or a person gone, because one response leaves it out",
        (
            "bulk/export/test_person_export.py::test_a_line_that_one_response_leaves_out_is_looked_up_again",
            "bulk/export/test_person_export.py::test_a_queried_person_that_one_response_leaves_out_is_looked_up_again",
        ),
        "bulk/posthog/rereads.py",
        "    for _ in range(MAX_REREADS):\n",
        "    for _ in range(0):\n",
    ),
    twin(
        11,
        "a re-created person that the list of an older server hides is not found",
        _VERIFIED + "a_re_created_person_that_the_list_of_an_older_server_hides_is_found",
        "bulk/posthog/person_reader.py",
        "if self._reads.reads_list and (hidden",
        "if False and (hidden",
    ),
    twin(
        11,
        "one response without a new person refutes that there is one",
        _VERIFIED + "one_response_that_leaves_a_new_person_out_does_not_make_the_job_complete",
        "bulk/posthog/person_reader.py",
        "expected_gone=ids - {persons[uuid] for uuid in returned}",
        "expected_gone=ids",
    ),
    twin(
        20,
        "a deletion row of any age covers the events",
        _ROWS_TEST + "a_row_covers_events_up_to_its_own_time_and_an_unknown_status_stays_unknown",
        _ROWS,
        "is_new_enough = created_at >= needed_from",
        "is_new_enough = True",
    ),
    twin(
        20,
        "a row of unknown status counts as a pending one",
        _ROWS_TEST + "a_row_covers_events_up_to_its_own_time_and_an_unknown_status_stays_unknown",
        _ROWS,
        '        case "pending":',
        '        case "pending" | "cancelled":',
    ),
    twin(
        20,
        "a row that cannot be read makes its person one without a row",
        (
            _ROWS_TEST + "a_row_that_cannot_be_read_is_of_its_person_alone[1000-broken]",
            _ROWS_TEST + "a_row_that_cannot_be_read_outranks_rows_that_do_not_cover[below1-nameless]",
        ),
        _ROWS,
        "        return UNREADABLE\n",
        "        return NO_ROW\n",
    ),
    twin(
        20,
        "a row whose person cannot be read counts for no person",
        _ROWS_TEST + "a_row_that_cannot_be_read_is_of_its_person_alone[1000-nameless]",
        _ROWS,
        "unknown.update(wanted if row.uuid is None else wanted.keys() & {row.uuid.int})",
        "unknown.update(() if row.uuid is None else wanted.keys() & {row.uuid.int})",
    ),
    twin(
        20,
        "a row whose person cannot be read is not the row of the person that is read alone",
        _ROWS_TEST + "a_row_that_cannot_be_read_is_of_its_person_alone[3-nameless]",
        _ROWS,
        "if _person_of(row) in (uuid, None)]",
        "if _person_of(row) == uuid]",
    ),
    twin(
        20,
        "a list without any readable row holds every person back, one by one",
        _ROWS_TEST + "a_long_list_without_any_readable_row_is_an_error[100]",
        _ROWS,
        "if offset == 0 and len(rows) >= ONE_READABLE_OF and not readable:",
        "if False:",
    ),
    twin(
        20,
        "a list of rows that never ends is read forever",
        _ROWS_TEST + "a_list_that_does_not_end_raises_an_error[the same page]",
        _ROWS,
        "self._repeated >= MAX_STALLED_PAGES or ",
        "",
    ),
    twin(
        21,
        "recordings count as deleted if any is",
        "bulk/posthog/recordings/test_recording_reader.py::test_the_recordings_of_each_person_are_counted_by_few_queries",
        "bulk/posthog/recordings/recording_reader.py",
        "found[number][mark.is_deleted] += 1",
        "found[number][True] += 1",
    ),
    twin(
        21,
        "distinct IDs that a batch read cuts off are taken for all",
        _RECORDINGS + "recordings_of_all_distinct_ids_are_read_and_a_few_requests_are_enough",
        "bulk/posthog/recordings/distinct_ids.py",
        "if len(ref.distinct_ids) == BATCH_READ_SHOWS]",
        "if False]",
    ),
    twin(
        21,
        "recordings that could not be read count as none",
        "bulk/posthog/recordings/test_recording_reader.py::test_persons_of_a_query_that_failed_are_left_out_and_three_failures_in_a_row_end_it",
        "bulk/posthog/recordings/recording_reader.py",
        "                    found.pop(number, None)\n",
        "                    found.get(number)\n",
    ),
    twin(
        22,
        "a re-created person that the listing hides is not found",
        _VERIFIED + "a_re_created_person_that_the_list_of_an_older_server_hides_is_found",
        "bulk/posthog/person_reader.py",
        "if self._reads.reads_list and (",
        "if False and (",
    ),
    twin(
        22,
        "an accepted deletion explains the absence of a person that an unreadable response showed",
        (
            _FACTS + "a_person_that_only_an_unreadable_response_showed_and_that_is_then_merged_is_not_reported_deleted",
            "bulk/posthog/test_person_reader.py::test_an_accepted_deletion_explains_no_absence_after_a_response_that_may_have_shown_the_person",
        ),
        "bulk/posthog/person_reader.py",
        "({*accepted} - read.maybe_shown)",
        "accepted",
    ),
)
