"""Mistakes that trust a single response: guarantees 11 and 21."""

from twin import Twin, twin

_ROWS = "integration/facts/test_rows_left_out.py::test_a_row_that_is_left_out_"
_RECORDINGS = "integration/facts/test_recordings_left_out.py::test_recordings_"
_PLANNED = "integration/facts/test_distinct_ids_left_out.py::"
_COPY = "bulk/jobs/plan_copy.py"
_COPY_TEST = "bulk/jobs/test_plan_copy_left_out.py::test_a_"
_CLIENT_TEST = "asyncclient/test_client_responses.py::test_a_"
_SPLIT = "bulk/execution/splitting/person_split.py"
_GROUP = "bulk/execution/group_executor.py"
_HIDDEN = "bulk/execution/unset/hidden_tests.py"
_HIDDEN_TEST = "integration/test_hidden_properties.py::test_"
_SPLIT_TEST = "bulk/cli/commands/single/test_split_left_out.py::test_"

LEFT_OUT: tuple[Twin, ...] = (
    twin(
        11,
        "one response without a deletion row makes the events of a lost person too late",
        _ROWS + "once_does_not_make_events_of_a_lost_person_too_late",
        "bulk/posthog/deletion_rows.py",
        "        without = [uuid for uuid in confirm if found[uuid.int] == NO_ROW]\n",
        "        without = ()\n",
    ),
    twin(
        11,
        "no verify reads again whether events of a lost person are queued after all",
        _ROWS + "for_a_while_is_found_by_verify",
        "bulk/targets/lost_events.py",
        "    return events.state in ROWS_DECIDE or events in (_WITHOUT_ROW, _UNKNOWN_ROW)\n",
        "    return events.state in ROWS_DECIDE\n",
    ),
    twin(
        11,
        "one unreadable deletion row decides for good about the events of a lost person",
        "integration/erasure/test_unreadable_rows.py::test_a_lost_target_with_an_unreadable_row_is_never_without_a_row",
        "bulk/targets/lost_events.py",
        "events in (_WITHOUT_ROW, _UNKNOWN_ROW)\n",
        "events == _WITHOUT_ROW\n",
    ),
    twin(
        11,
        "one read without the unreadable deletion row of a lost person forgets it",
        "bulk/targets/test_lost_events.py::test_the_table_is_drawn_right",
        "bulk/targets/lost_events.py",
        "case Events.TOO_LATE, Observation.ROW_NONE | Observation.ROWS_NOT_KEPT:",
        "case Events.TOO_LATE, Observation.ROWS_NOT_KEPT:",
    ),
    twin(
        11,
        "a copy for handing out lacks a person that one response does not find",
        _COPY_TEST + "404_for_a_person_that_a_batch_read_shows_is_not_believed",
        _COPY,
        "if complete[index] in (_MISSING, _LACKING)]",
        "if complete[index] is _LACKING]",
    ),
    twin(
        11,
        "a copy for handing out has fewer distinct IDs than were shown before",
        _COPY_TEST + "read_that_shows_fewer_distinct_ids_than_the_batch_read_is_not_taken",
        _COPY,
        "if {*shown.ref.distinct_ids} <= {*again.ref.distinct_ids} else _LACKING",
        "if again else _LACKING",
    ),
    twin(
        11,
        "one response about a person decides that nothing can be split off",
        (
            _SPLIT_TEST + "a_single_404_for_the_person_ends_nothing[0]",
            _SPLIT_TEST + "a_distinct_id_that_is_left_out_of_the_reads_of_both_kinds_once_is_split_off",
        ),
        _SPLIT,
        "        with suppress(Refused):\n            split = await _checked(reading",
        "        if True:\n            split = await _checked(reading",
    ),
    twin(
        11,
        "a split takes along distinct IDs that nobody approved",
        _SPLIT_TEST + "more_is_not_split_off_than_was_approved",
        _SPLIT,
        "        if has is None or self.main is not None:\n",
        "        if has is None:\n",
    ),
    twin(
        11,
        "one read confirms a split of unknown outcome",
        _SPLIT_TEST + "after_an_unclear_response_one_read_without_the_distinct_ids_confirms_nothing",
        _SPLIT,
        "            if is_explained:\n",
        "            if True:\n",
    ),
    twin(
        11,
        "one response without properties means that nothing is to be done",
        "bulk/verification/test_verifier.py::"
        "test_two_reads_without_the_properties_decide_where_no_accepted_change_explains_them",
        "bulk/verification/verifier.py",
        "        if not is_trial and self._job.target_states.properties(number) not in UNEXPLAINED:\n",
        "        if True:\n",
    ),
    twin(
        11,
        "a person that was read as gone stays gone although a read shows it again without the properties",
        "bulk/verification/test_verifier.py::"
        "test_a_person_that_was_lost_and_is_shown_without_the_properties_is_there_again[Observation.ABSENT]",
        "bulk/verification/verifier.py",
        "observation is not None and target_states.person(number) in FINAL_PERSON_STATES:",
        "False:",
    ),
    twin(
        11,
        "a person whose value one response leaves out is not reverted",
        "integration/facts/test_left_out_of_newer_operations.py::test_a_revert_while_planning[update-values-by UUID-1-1]",
        "bulk/undo/revert.py",
        "        if lacks_set_value(entry.had, found.change_of(entry), properties_of(result.person)):\n",
        "        if False:\n",
    ),
    twin(
        11,
        "a person that one response shows without a distinct ID is planned without one",
        f"{_PLANNED}test_a_merged_person_is_found_although_one_response_showed_no_distinct_id[batch_by_uuids]",
        "bulk/selection/lookups/missing_distinct_ids.py",
        "    if not without:\n",
        "    if True:\n",
    ),
    twin(
        21,
        "recordings are never verified, because one listing showed fewer distinct IDs than the read before",
        f"{_PLANNED}test_recordings_are_verified_although_one_response_showed_not_all_of_many_distinct_ids",
        "bulk/posthog/recordings/distinct_ids.py",
        "    await read_until_known(read, (await read(cut))[1], gate)\n",
        "    await read(cut)\n",
    ),
    twin(
        11,
        "one response with an empty list of distinct IDs fails a person",
        "integration/facts/test_distinct_ids_left_out.py"
        "::test_a_person_whose_distinct_ids_one_response_leaves_out_is_changed[1-2-update by capture]",
        "bulk/verification/verifier.py",
        "lacking if self._without_distinct_id.confirms(number, check.requested_at)]",
        "lacking]",
    ),
    twin(
        11,
        "a person of another project is taken for the one that has the distinct ID",
        (
            "integration/facts/test_odd_responses.py::test_values_per_person_while_planning[1-another project]",
            _CLIENT_TEST + "person_under_a_distinct_id_that_it_does_not_have_is_invalid[1]",
        ),
        "asyncclient/_resources/persons/lookups.py",
        "        if shown_ids and key not in shown_ids and len(shown_ids) < _IDS_SHOWN:\n",
        "        if False:\n",
    ),
    twin(
        12,
        "a trial that shows no result is read for ever",
        "integration/facts/test_properties_left_out.py"
        "::test_a_trial_that_shows_no_result_ends_after_a_few_reads_even_if_none_waits",
        "bulk/execution/unset/key_list_trial.py",
        "in islice(chain(WAITS_S, repeat(WAITS_S[-1])), MAX_READS):",
        "in chain(WAITS_S, repeat(WAITS_S[-1])):",
    ),
    twin(
        21,
        "recordings that the plan and one response leave out are taken for none",
        _RECORDINGS + "that_the_plan_and_one_response_leave_out_are_not_taken_for_none",
        "bulk/verification/recording_verifier.py",
        "        return count.shown > 0 or not was_known\n",
        "        return count.shown > 0\n",
    ),
    twin(
        21,
        "recordings that were deleted before the job hide kept ones that one response leaves out",
        _RECORDINGS + "deleted_before_the_job_do_not_hide_kept_ones_that_one_response_leaves_out",
        "bulk/verification/recording_verifier.py",
        "        return count.shown > 0 or not was_known\n",
        "        return count.shown < (note.recordings or 0) and not was_known\n",
    ),
    twin(
        11,
        "a property that no response shows counts as absent",
        (
            _HIDDEN_TEST + "a_hidden_property_stops_the_job_at_the_first_call",
            _HIDDEN_TEST + "a_call_without_a_clear_response_shows_nothing",
        ),
        "bulk/verification/verifier.py",
        "observation, removes = _OTHERWISE, ()",
        "pass",
    ),
    twin(
        11,
        "the refusal of a hidden property fails one person and not the job",
        _HIDDEN_TEST + "a_hidden_property_stops_the_job_at_the_first_call",
        _HIDDEN,
        "if hidden and result.status == BAD_REQUEST:",
        "if hidden and result.status != BAD_REQUEST:",
    ),
    twin(
        11,
        "an event, which ingestion accepts, is to find out whether a property is hidden",
        _HIDDEN_TEST + "a_hidden_property_stops_the_job_at_the_first_call[capture]",
        _GROUP,
        "numbers, by_event = testing, False",
        "numbers = testing",
    ),
    twin(
        11,
        "persons without a property do not wait until one of them shows whether it is hidden",
        _HIDDEN_TEST + "a_property_that_nobody_has_takes_one_call",
        _HIDDEN,
        "if self._claimed.isdisjoint(others) and self._shown.claim(others):",
        "if self._shown.claim(others) or unknown:",
    ),
    twin(
        11,
        "a person counts as changed while one of its properties is tested on another",
        _HIDDEN_TEST + "a_person_waits_while_one_of_its_properties_is_tested_on_another",
        _HIDDEN,
        "            if self._claimed.isdisjoint(others) and self._shown.claim(others):\n",
        "            others = [key for key in others if key not in self._claimed and self._shown.claim((key,))]\n"
        "            if unknown := tuple(key for key in unknown if key in untested or key in others):\n",
    ),
    twin(
        11,
        "what the key of an earlier run showed counts as shown to the key of this run",
        _HIDDEN_TEST + "what_the_key_of_one_run_shows_may_be_hidden_from_the_key_of_the_next",
        "bulk/journal/target_states.py",
        "        self.shown_properties.clear()  # the key of this run may be that of another user\n",
        "",
    ),
)
