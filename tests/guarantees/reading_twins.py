"""Slips in what is read and by which clock: promises 11, 13 and 20."""

from twin import Twin, twin

_READER = "bulk/posthog/person_reader.py"
_HALVING = "bulk/posthog/halving.py"
_ROWS = "bulk/posthog/deletion_rows.py"
_CLOCK = "asyncclient/_protocol/server_clock.py"
_READER_TEST = "bulk/posthog/test_person_reader.py::test_"
_ROWS_TEST = "bulk/posthog/test_deletion_rows.py::test_"

READING: tuple[Twin, ...] = (
    twin(
        11,
        "a single read believes an answer that tells of another person",
        (
            "integration/test_facts.py::test_a_single_read_that_is_answered_with_another_person_says_nothing",
            "asyncclient/_resources/persons/test_lookups.py::test_another_person_than_the_one_asked_for_is_no_answer",
        ),
        "asyncclient/_resources/persons/reading.py",
        "if number(id) is None and person.uuid != person_uuid(id):",
        "if False:",
    ),
    twin(
        11,
        "a person that one answer leaves out is absent",
        _READER_TEST + "one_answer_that_leaves_somebody_out_proves_nothing",
        _READER,
        "        return asked_at >= first + CONFIRM_AFTER_S",
        "        return True",
    ),
    twin(
        11,
        "the second look believes what it has seen by UUID",
        (
            _READER_TEST + "a_person_that_only_the_read_by_distinct_id_finds_is_there",
            _READER_TEST + "a_merged_person_is_absent_and_its_owner_is_told",
        ),
        _READER,
        "return owner if person.uuid == uuid else Absent(person)",
        "return Absent()",
    ),
    twin(
        11,
        "a second look that failed counts as an absence",
        _READER_TEST + "a_second_look_that_cannot_be_read_decides_nothing_and_the_third_one_does",
        _READER,
        "        case Unread(why) if why is not UnreadReason.LEFT_OUT:\n            return owner\n",
        "",
    ),
    twin(
        11,
        "a batch that fails is not halved",
        (
            "bulk/posthog/test_halving.py::test_whoever_can_be_read_is_read_whatever_is_wrong_with_three_others",
            _READER_TEST + "what_is_wrong_with_one_record_concerns_nobody_else[no properties]",
        ),
        _HALVING,
        "            left += [(part[middle:], False), (part[:middle], False)]",
        "            results |= dict.fromkeys(part, Unread(why))",
    ),
    twin(
        11,
        "a server that answers nobody is asked for each of them",
        "bulk/posthog/test_halving.py::test_a_server_that_answers_nobody_is_not_asked_for_each_of_them",
        _HALVING,
        "is_last_try = not succeeded and failed_singles >= MOST_FAILED_SINGLES",
        "is_last_try = False",
    ),
    twin(
        11,
        "a 404 on a batch read speaks of persons",
        _READER_TEST + "a_batch_read_that_is_known_and_answers_404_makes_nobody_absent",
        _READER,
        "group, Unread(UnreadReason.NOT_FOUND_UNCLEAR)",
        "group, Absent()",
    ),
    twin(
        11,
        "an answer without properties says that there are none",
        (
            "asyncclient/test_client.py::test_a_batch_answer_without_a_field_that_it_always_has_is_invalid[properties]",
            _READER_TEST + "what_is_wrong_with_one_record_concerns_nobody_else[no properties]",
        ),
        "asyncclient/property_projection.py",
        '[("properties", properties)], bases=(StoredPerson,)',
        '[("properties", properties, msgspec.field(default_factory=dict))], bases=(StoredPerson,)',
    ),
    twin(
        11,
        "planning by query drops whom one answer leaves out",
        "bulk/plan/test_planner_reads.py::test_planning_by_query_drops_nobody_whom_one_read_leaves_out",
        "bulk/posthog/property_query.py",
        "[uuid for uuid, result in results.items() if isinstance(result, Unread)]",
        "[]",
    ),
    twin(
        11,
        "a line is unmatched because one answer leaves it out",
        "bulk/plan/test_planner_reads.py::test_a_line_that_one_answer_leaves_out_is_found_by_a_second_look[drop_all-emails]",
        "bulk/selection/resolver.py",
        "found if found or self._looked_before else None",
        "found",
    ),
    twin(
        11,
        "an export takes one answer's silence for a line that nobody has",
        "bulk/export/test_person_export.py::test_a_line_that_one_answer_leaves_out_is_looked_up_again",
        "bulk/export/person_export.py",
        "    async for found in _found(client, selection, lines, page_size, unmatched):\n        yield found\n",
        "    unmatched += lines\n",
    ),
    twin(
        20,
        "a row covers however old it is",
        _ROWS_TEST + "a_row_covers_from_its_own_time_on_and_a_status_that_is_unknown_stays_unknown",
        _ROWS,
        "is_new_enough = row.created_at.timestamp() >= needed_from",
        "is_new_enough = True",
    ),
    twin(
        20,
        "a row of unknown status is as good as a pending one",
        _ROWS_TEST + "a_row_covers_from_its_own_time_on_and_a_status_that_is_unknown_stays_unknown",
        _ROWS,
        '        case "pending":',
        '        case "pending" | "cancelled":',
    ),
    twin(
        20,
        "a list of rows that leads no further back is read for ever",
        _ROWS_TEST + "a_list_that_does_not_end_is_given_up_and_says_so[the same page]",
        _ROWS,
        "self._repeated >= MOST_STALLED_PAGES or ",
        "",
    ),
    twin(
        20,
        "setting the clock of this machine moves that of the server",
        "asyncclient/test_client.py::test_setting_this_machines_clock_moves_no_server_time",
        "asyncclient/client.py",
        "ServerClock(clock, wall)",
        "ServerClock(wall, wall)",
    ),
    twin(
        20,
        "one stray date moves the clock",
        "asyncclient/_protocol/test_server_clock.py::test_one_answer_that_is_far_off_moves_nothing_but_two_that_agree_do",
        _CLOCK,
        "if doubted is not None and doubted[0] <= latest and earliest <= doubted[1]:",
        "if True:",
    ),
    twin(
        22,
        "the age of a read does not count the time that the machine sleeps",
        "integration/test_properties_confirmed.py::test_who_is_deleted_while_the_machine_sleeps_is_created_again_by_no_event",
        "asyncclient/client.py",
        "return self._core.shared.clock()",
        "return __import__('anyio').current_time()",
    ),
    twin(
        13,
        "earlier requests are aged before the server has told its time",
        "integration/test_wrong_clock.py::test_a_clock_that_is_wrong_forgets_no_request_of_the_planning",
        "bulk/execution/open_job.py",
        "            project = await client.projects.get(plan.header.project_id)\n            charge()\n",
        "            charge()\n            project = await client.projects.get(plan.header.project_id)\n",
    ),
)
