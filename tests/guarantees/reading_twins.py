"""Mistakes in reading back and in the clock: guarantees 11, 13 and 20."""

from twin import Twin, twin

_READER = "bulk/posthog/person_reader.py"
_BATCHES = "bulk/posthog/batch_reads.py"
_HALVING = "bulk/posthog/halving.py"
_ROWS = "bulk/posthog/deletion_rows.py"
_CLOCK = "asyncclient/_protocol/server_clock.py"
_READER_TEST = "bulk/posthog/test_person_reader.py::test_"
_ROWS_TEST = "bulk/posthog/test_deletion_rows.py::test_"

READING: tuple[Twin, ...] = (
    twin(
        11,
        "a single read accepts a response about another person",
        (
            "integration/test_facts.py::test_a_single_read_that_returns_another_person_proves_nothing",
            "asyncclient/_resources/persons/test_lookups.py::test_another_person_than_the_requested_one_is_invalid",
        ),
        "asyncclient/_resources/persons/reading.py",
        "if number(id) is None and person.uuid != person_uuid(id):",
        "if False:",
    ),
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
            _READER_TEST + "one_malformed_record_does_not_affect_other_persons[no properties]",
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
        _READER_TEST + "a_404_from_an_existing_batch_route_makes_no_person_absent",
        _BATCHES,
        "group, Unread(UnreadReason.AMBIGUOUS_404)",
        "group, Absent()",
    ),
    twin(
        11,
        "a response without properties counts as a person without properties",
        (
            "asyncclient/test_client.py::test_a_batch_response_without_a_mandatory_field_is_invalid[properties]",
            _READER_TEST + "one_malformed_record_does_not_affect_other_persons[no properties]",
        ),
        "asyncclient/property_projection.py",
        '[("properties", properties)], bases=(StoredPerson,)',
        '[("properties", properties, msgspec.field(default_factory=dict))], bases=(StoredPerson,)',
    ),
    twin(
        11,
        "planning by query drops persons that one response leaves out",
        "bulk/plan/test_planner_reads.py::test_planning_by_query_keeps_a_person_that_one_response_leaves_out",
        "bulk/posthog/property_query.py",
        "[uuid for uuid, result in results.items() if isinstance(result, Unread)]",
        "[]",
    ),
    twin(
        11,
        "a line is unmatched because one response leaves its person out",
        "bulk/plan/test_planner_reads.py::test_a_line_that_one_response_leaves_out_is_found_by_a_second_lookup[drop_all-emails]",
        "bulk/selection/line_resolver.py",
        "self._is_second_lookup and not each",
        "True",
    ),
    twin(
        33,
        "an email whose listing fails matches no person",
        "bulk/plan/test_planner_narrowing.py::test_the_line_for_which_the_server_fails_is_named_and_the_others_are_read[504-emails-planned]",
        "bulk/selection/lookups/email_lookup.py",
        "unread[email] = isinstance(result, Unread)",
        "unread[email] = False",
    ),
    twin(
        33,
        "an export that lacks persons ends as a complete one",
        "bulk/cli/commands/test_persons_narrowing.py::test_a_line_whose_person_cannot_be_read_is_named_and_the_others_are_exported",
        "bulk/cli/commands/persons.py",
        "ExitCode.NEEDS_ATTENTION if findings.unreadable else ExitCode.DONE",
        "ExitCode.DONE",
    ),
    twin(
        33,
        "an export to stdout breaks off without a word",
        "bulk/cli/commands/test_persons_narrowing.py::test_an_export_to_stdout_that_breaks_off_says_so_and_after_how_many_persons",
        "bulk/cli/commands/persons.py",
        "        if lines():",
        "        if False:",
    ),
    twin(
        32,
        "a protected person whose row cannot be read is not protected",
        "bulk/plan/test_planner_narrowing.py::test_a_protected_person_whose_row_cannot_be_read_stays_protected",
        "bulk/selection/conditions/protection.py",
        "            protect(row.uuid)\n",
        "",
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
        "a list of rows that never ends is read forever",
        _ROWS_TEST + "a_list_that_does_not_end_raises_an_error[the same page]",
        _ROWS,
        "self._repeated >= MAX_STALLED_PAGES or ",
        "",
    ),
    twin(
        20,
        "setting this machine's clock changes the server's time",
        "asyncclient/test_client.py::test_setting_this_machines_clock_moves_no_server_time",
        "asyncclient/client.py",
        "ServerClock(clock, wall)",
        "ServerClock(wall, wall)",
    ),
    twin(
        20,
        "one wrong Date header changes the clock",
        "asyncclient/_protocol/test_server_clock.py::test_one_outlying_response_moves_nothing_but_two_that_agree_do",
        _CLOCK,
        "if outlier is not None and outlier[0] <= latest and earliest <= outlier[1]:",
        "if True:",
    ),
    twin(
        22,
        "the age of a read leaves out the time of a suspend",
        "integration/test_properties_confirmed.py::test_a_person_deleted_while_the_machine_is_suspended_is_recreated_by_no_event",
        "asyncclient/client.py",
        "return self._core.shared.clock()",
        "return __import__('anyio').current_time()",
    ),
    twin(
        13,
        "earlier requests are aged before the server's time is known",
        "integration/test_wrong_clock.py::test_a_wrong_clock_forgets_no_request_of_the_planning",
        "bulk/execution/open_job.py",
        "            project = await client.projects.get(plan.header.project_id)\n            count_earlier_requests()\n",
        "            count_earlier_requests()\n            project = await client.projects.get(plan.header.project_id)\n",
    ),
)
