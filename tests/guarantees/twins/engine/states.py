"""Mistakes in the states of targets: guarantees 2, 7, 11 and 19 to 22."""

from twin import Twin, twin

_MACHINE = "bulk/targets/state_machine.py"
_STATUS_TABLE = "bulk/targets/status_table.py"
_ERASURE = "integration/erasure/test_erasure.py::test_"
_PROPERTIES = "integration/properties/test_properties.py::test_"
_LOST = "integration/properties/failures/test_properties_lost.py::test_"
_PARTS = "integration/erasure/test_parts.py::test_"
_ANEW = "integration/properties/test_properties_anew.py::test_"
_ENDS = "integration/test_ends.py::test_"
_WALK = "bulk/targets/test_state_machine.py::test_"
_FACTS = "integration/facts/test_facts.py::test_"
_PROOFS = "integration/erasure/test_proofs.py::test_"
_TABLE = "bulk/targets/test_recording_states.py::test_"
_RECORDINGS = "integration/erasure/test_recordings.py::test_"

STATES: tuple[Twin, ...] = (
    twin(
        2,
        "a lost response counts as an accepted one",
        "integration/erasure/test_found_settled.py::test_persons_whose_deletion_got_no_response_have_a_state_of_their_own",
        _MACHINE,
        "    Person.UNKNOWN: Person.FOUND_DELETED,\n",
        "    Person.UNKNOWN: Person.DELETED_CONFIRMED,\n",
    ),
    twin(
        2,
        "the counts of an axis do not add up",
        "bulk/journal/test_target_states.py::test_the_counts_of_each_axis_add_up_to_the_plan",
        _STATUS_TABLE,
        "counts[value] -= before.count(value)",
        "counts[value] -= 1",
    ),
    twin(
        2,
        "properties that were already as desired are called changed",
        _PROPERTIES + "persons_already_as_desired_get_no_request_and_a_state_of_their_own",
        _MACHINE,
        "Properties.NOT_STARTED: Properties.ALREADY_AS_DESIRED,",
        "Properties.NOT_STARTED: Properties.CHANGED_CONFIRMED,",
    ),
    twin(
        2,
        "a lost response to events counts as an accepted one",
        _LOST + "confirmed_changes_and_found_changes_have_separate_states",
        _MACHINE,
        "Properties.UNKNOWN: Properties.FOUND_CHANGED,",
        "Properties.UNKNOWN: Properties.CHANGED_CONFIRMED,",
    ),
    twin(
        7,
        "a finished job overwrites what others changed since",
        "bulk/cli/flows/test_values_and_revert.py::test_a_finished_job_overwrites_neither_its_revert_nor_what_others_changed",
        "bulk/targets/reasons.py",
        "    Reason.EVENT_REFUSED: {Axis.PROPERTIES: Properties.TO_RETRY},\n",
        "    Reason.EVENT_REFUSED: {Axis.PROPERTIES: Properties.TO_RETRY},\n"
        "    Reason.CHANGED_AFTERWARDS: {Axis.PROPERTIES: Properties.TO_RETRY},\n",
    ),
    twin(
        7,
        "failed targets are tried again although the person is lost",
        (
            _WALK + "a_lost_person_has_nothing_pending",
            _ENDS + "a_person_that_disappears_after_a_request_without_a_row_gets_a_final_state",
        ),
        _MACHINE,
        "        if person.state in FINAL_PERSON_STATES:\n            return read_again\n",
        "",
    ),
    twin(
        7,
        "properties of a person that disappeared after a change are tried forever",
        _ENDS + "a_person_that_others_changed_and_deleted_gets_a_final_state",
        _MACHINE,
        "case Properties.NOT_STARTED | Properties.CONTRADICTED:",
        "case Properties.NOT_STARTED:",
        _MACHINE,
        "        if person.state in FINAL_PERSON_STATES:\n            return read_again\n",
        "",
    ),
    twin(
        7,
        "a person that was already deleted and reappears keeps its too late events",
        _FACTS + "an_already_deleted_person_that_verify_finds_is_deleted_with_its_events_by_the_next_run",
        _MACHINE,
        "begin_anew = state.person, _NOT_SENT_IN_TIME",
        "begin_anew = state.person, ()",
    ),
    twin(
        11,
        "recordings that two responses do not show are never read again",
        _RECORDINGS + "recordings_that_two_responses_leave_out_are_found_by_the_next_verification",
        "bulk/targets/recording_states.py",
        "SETTLED = frozenset({Reason.NO_RECORDINGS,",
        "SETTLED = frozenset({Reason.RECORDINGS_NOT_LEFT, Reason.NO_RECORDINGS,",
    ),
    twin(
        19,
        "a reappeared person is deleted without its events",
        (
            _WALK + "events_of_a_reappeared_person_are_queued_again_once_the_run_has_read_it_too",
            _PROOFS + "a_person_that_reappears_has_its_events_queued_again_before_its_deletion",
        ),
        _MACHINE,
        "        if state.person.reason is Reason.REAPPEARED:",
        "        if False:",
    ),
    twin(
        21,
        "a person that a late response shows again loses the proofs of its events and recordings",
        (
            _WALK + "events_of_a_reappeared_person_are_queued_again_once_the_run_has_read_it_too",
            _PROOFS + "persons_that_a_late_response_shows_again_keep_their_proofs",
        ),
        _MACHINE,
        "            return state._replace(person=AxisStatus(Person.UNKNOWN, Reason.REAPPEARED))\n",
        "            return self._present(state._replace(person=AxisStatus(Person.UNKNOWN, Reason.REAPPEARED)), observation)"
        "\n",
    ),
    twin(
        20,
        "an old deletion row counts as a fresh one",
        _PARTS + "an_earlier_pending_row_holds_the_events_back_until_it_is_completed",
        _MACHINE,
        "Observation.ROW_OLDER_PENDING: AxisStatus(Events.HELD_BACK),",
        "Observation.ROW_OLDER_PENDING: AxisStatus(Events.QUEUED),",
    ),
    twin(
        20,
        "the last uncovered window is reported instead of the largest",
        "bulk/journal/test_target_states.py::test_the_largest_uncovered_window_comes_from_the_oldest_row_a_person_was_deleted_with",
        "bulk/targets/coverage.py",
        "max(gap_s, self.largest_uncovered_s or 0.0)",
        "gap_s",
    ),
    twin(
        20,
        "a row of an unknown status queues the events",
        _PROOFS + "a_row_with_an_unknown_status_proves_nothing_and_is_reported",
        _MACHINE,
        "ROW_UNKNOWN_STATUS: AxisStatus(Events.HELD_BACK, Reason.UNKNOWN_ROW_STATUS),",
        "ROW_UNKNOWN_STATUS: AxisStatus(Events.QUEUED),",
    ),
    twin(
        21,
        "a 202 counts as done",
        _ERASURE + "queued_deletions_slower_than_the_wait_are_left_pending",
        _MACHINE,
        "return ACCEPTED[axis] if accepted",
        "return {**ACCEPTED, Axis.PERSON: Person.DELETED_CONFIRMED}[axis] if accepted",
    ),
    twin(
        21,
        "events that were too late are reported as queued",
        _ERASURE + "merged_recreated_and_disappeared_persons_are_reported_as_such",
        _MACHINE,
        "events = AxisStatus(Events.TOO_LATE if absent else Events.SKIPPED)",
        "events = AxisStatus(Events.QUEUED if absent else Events.SKIPPED)",
    ),
    twin(
        21,
        "an accepted change counts as done",
        (
            _LOST + "changes_slower_than_the_wait_are_left_pending_and_found_later",
            "bulk/verification/test_completion_poller.py::test_polling_ends_once_the_change_is_overdue",
        ),
        "bulk/states.py",
        "    Axis.PROPERTIES: Properties.ACCEPTED,\n",
        "    Axis.PROPERTIES: Properties.CHANGED_CONFIRMED,\n",
    ),
    twin(
        21,
        "a null counts as absent",
        (
            "bulk/test_property_checks.py::test_a_null_is_a_property",
            _PROPERTIES + "a_null_is_a_value_to_be_set_and_a_property_to_be_removed",
        ),
        "bulk/property_checks.py",
        "[key for key in self.absent if key in properties]",
        "[key for key in self.absent if properties.get(key) is not None]",
    ),
    twin(
        21,
        "a person that disappears after a request is called already deleted",
        (
            _WALK + "already_deleted_is_only_for_persons_for_which_nothing_was_sent",
            _ENDS + "a_person_that_disappears_after_a_request_without_a_row_gets_a_final_state",
        ),
        _MACHINE,
        "return AxisStatus(Person.DISAPPEARED if sent else Person.ALREADY_DELETED)",
        "return AxisStatus(Person.ALREADY_DELETED)",
    ),
    twin(
        21,
        "no recordings, before or after, count as deleted",
        (
            _RECORDINGS + "no_recordings_before_and_after_are_nothing_to_verify",
            _TABLE + "what_is_not_verifiable_says_why",
        ),
        "bulk/targets/recording_states.py",
        "            return AxisStatus(Recordings.NOT_VERIFIABLE, _NONE_SHOWN[none])",
        "            return AxisStatus(Recordings.DELETED)",
    ),
    twin(
        22,
        "a person re-created by our own event is reported as left alone",
        _ANEW + "a_person_recreated_by_an_event_of_the_job_is_reported_as_such",
        _MACHINE,
        "if properties in _SENT or state.person.reason is Reason.LOST_AFTER_CHANGE_SENT:",
        "if state.person.reason is Reason.LOST_AFTER_CHANGE_SENT:",
    ),
    twin(
        22,
        "a person that was deleted counts as merged once another has its distinct ID",
        "bulk/targets/test_state_table.py::test_the_table_of_persons_is_drawn_right",
        "bulk/targets/state_machine.py",
        "if observation is Observation.MERGED and person.state in _DELETED:",
        "if False:",
    ),
    twin(
        22,
        "an accepted deletion explains the absence of a person that was still present",
        _FACTS + "a_person_that_stays_after_an_accepted_deletion_and_is_then_merged_is_not_reported_deleted",
        _MACHINE,
        "person = AxisStatus(Person.ACCEPTED, Reason.STILL_PRESENT)",
        "person = AxisStatus(Person.ACCEPTED)",
    ),
)
