"""Mistakes in verification: guarantees 7, 11, 12, 20 to 22 and 35."""

from twin import Twin, twin

_VERIFIER = "bulk/verification/verifier.py"
_ERASURE = "integration/erasure/test_erasure.py::test_"
_LOST = "integration/properties/failures/test_properties_lost.py::test_"
_ROUTES = "integration/properties/test_properties_routes.py::test_"
_ANEW = "integration/properties/test_properties_anew.py::test_"
_OTHERS = "integration/properties/test_properties_others.py::test_"
_ENDS = "integration/test_ends.py::test_"
_FACTS = "integration/facts/test_facts.py::test_"
_PROOFS = "integration/erasure/test_proofs.py::test_"
_VERIFICATION = "bulk/verification/verification.py"
_RECORDINGS = "integration/erasure/test_recordings.py::test_"
_VERIFIED = "integration/facts/test_verification.py::test_"
_OWN = "integration/properties/test_properties_per_person.py::test_"

VERIFICATION: tuple[Twin, ...] = (
    twin(
        7,
        "parts of kept persons are overdue a minute later",
        _ENDS + "events_and_recordings_of_kept_persons_stay_done_in_much_later_runs",
        "bulk/verification/resend_policy.py",
        "        if self._axis not in MAX_SENDS:\n            return False\n",
        "",
    ),
    twin(
        11,
        "a change that was accepted and lost is never sent again",
        (
            _LOST + "lost_events_are_found_by_reading_back_and_sent_again",
            _LOST + "calls_that_the_server_accepts_and_loses_are_sent_again",
        ),
        "bulk/verification/completion_poller.py",
        "        if not self._is_overdue():\n            return 0\n",
        "        return 0\n",
    ),
    twin(
        11,
        "a change that was accepted while a clock was ahead waits until that time",
        "integration/resuming/test_wrong_clock.py::test_a_change_accepted_while_the_servers_clock_was_ahead_is_sent_again_once_it_is_overdue",
        "bulk/journal/target_states.py",
        "        self.last_accepted_at = min(self.last_accepted_at, record.at)",
        "        self.last_accepted_at += 0.0",
    ),
    twin(
        11,
        "a person that one response leaves out is not read a second time",
        (
            _FACTS + "one_read_that_leaves_out_every_person_makes_no_target_done",
            "bulk/verification/test_second_look.py::test_only_left_out_persons_are_read_again_and_not_too_early",
        ),
        "bulk/verification/second_look.py",
        "            if not left_out:\n                return\n",
        "            return\n",
    ),
    twin(
        11,
        "a failed read refutes that there is a new person",
        _VERIFIED + "a_new_person_that_a_verification_cannot_read_again_is_still_named",
        _VERIFICATION,
        "        returned += self._returned_before & {*unread}\n",
        "",
    ),
    twin(
        11,
        "one response refutes what the list of persons shows",
        _VERIFIED + "a_listed_person_that_one_response_leaves_out_is_read_again",
        _VERIFIER,
        "elif state in FOUND_ABSENT and not listed:",
        "elif state in FOUND_ABSENT:",
    ),
    twin(
        11,
        "one response without recordings decides about them",
        _RECORDINGS + "recordings_that_one_response_leaves_out_are_counted_again",
        "bulk/verification/recording_verifier.py",
        "number not in first and self._needs_second(number, counts[number])",
        "False",
    ),
    twin(
        11,
        "one response without a listed person refutes that the list shows it",
        _VERIFIED
        + "a_person_that_was_listed_stays_named_until_two_responses_do_not_show_it[one response without them]",
        "bulk/verification/listed_persons.py",
        "if missing and self.why_not is None:",
        "if False:",
    ),
    twin(
        11,
        "a query that fails refutes that the list shows a person",
        _VERIFIED + "a_person_that_was_listed_stays_named_until_two_responses_do_not_show_it[no response]",
        "bulk/verification/listed_persons.py",
        "return found if self.why_not is None else {*found, *before}",
        "return found",
    ),
    twin(
        12,
        "an outage takes from the time that changes have to show",
        "integration/outages/test_outages_and_failures.py::test_an_outage_takes_nothing_from_the_time_that_changes_have_to_show",
        "bulk/verification/completion_poller.py",
        "max(0.0, now - waited_at - outages_s)",
        "max(0.0, now - waited_at)",
    ),
    twin(
        12,
        "a lost change is sent again without limit",
        _LOST + "only_a_person_that_is_never_changed_is_reported",
        "bulk/verification/resend_policy.py",
        "MAX_CHANGES = 5",
        "MAX_CHANGES = 6",
    ),
    twin(
        20,
        "a deletion row never becomes too old",
        (
            _PROOFS + "a_job_resumed_after_the_purge_queues_the_events_again",
            _PROOFS + "a_job_resumed_while_an_old_row_is_pending_holds_back_until_it_is_purged",
            _PROOFS + "a_pause_between_queueing_and_deleting_outdates_the_row",
        ),
        _VERIFIER,
        "return self._job.target_states.coverage.outdated(numbers, self.oldest_cover())",
        "return []",
    ),
    twin(
        20,
        "a row counts from when it was read and not from its own time",
        _PROOFS + "another_clients_row_covers_within_the_hour_and_an_older_one_does_not",
        _VERIFIER,
        "math.floor(min(reading.created_at, now))",
        "math.floor(now)",
    ),
    twin(
        20,
        "a row with a future time covers up to that time",
        _PROOFS + "a_row_with_a_future_time_covers_no_longer_than_any_other",
        _VERIFIER,
        "math.floor(min(reading.created_at, now))",
        "math.floor(reading.created_at)",
    ),
    twin(
        20,
        "no deletion row counts as about to expire",
        "bulk/verification/test_verifier.py::test_a_row_is_outdated_after_the_uncovered_time_and_expires_before",
        _VERIFIER,
        "return self._job.target_states.coverage.expiring(numbers, oldest, soon)",
        "return []",
    ),
    twin(
        21,
        "a query decides without a read of each person",
        (
            "integration/facts/test_facts.py::test_a_query_without_a_merged_person_does_not_make_it_done",
            _ANEW + "a_recreated_person_is_found_although_a_query_verifies_the_others",
            _ROUTES + "a_query_that_contradicts_the_reads_is_not_trusted",
        ),
        "bulk/verification/completion_poller.py",
        "            await self._read(self._all_but(unchanged))\n",
        "            from bulk.targets.observations import Observation\n"
        "            for some in self._all_but(unchanged):\n"
        "                self._job.observe('listing', dict.fromkeys(some, (Observation.PRESENT_AS_DESIRED,)))\n",
    ),
    twin(
        21,
        "verify does not read persons again that a call deleted instead of keeping",
        "integration/facts/test_kept_persons.py::test_a_person_that_is_read_again_is_not_reported_as_deleted_instead_of_kept",
        _VERIFICATION,
        "        Person.DELETED_UNEXPECTEDLY,\n",
        "",
    ),
    twin(
        21,
        "verify does not read which persons a call deleted instead of keeping",
        "integration/facts/test_kept_persons.py::test_verify_shows_which_persons_a_call_deleted_instead_of_keeping",
        _VERIFICATION,
        "merge(maybe_deleted, target_states.numbers(axis, READ_AGAIN[axis]))",
        "target_states.numbers(axis, READ_AGAIN[axis])",
    ),
    twin(
        21,
        "recordings that PostHog shows no more count as deleted",
        _RECORDINGS + "rows_that_the_server_removed_before_they_were_read_prove_nothing",
        "bulk/verification/recording_verifier.py",
        "    if count.marked:\n",
        "    if count.marked or note.recordings:\n",
    ),
    twin(
        21,
        "verify calls persons done that it could not read",
        _FACTS + "verify_that_cannot_read_a_person_is_not_finished",
        _VERIFICATION,
        "unread=_ranges(unread),",
        "unread=None,",
    ),
    twin(
        21,
        "deleted persons that the list still shows are not named",
        _VERIFIED + "a_deleted_person_that_the_list_still_shows_is_named",
        _VERIFICATION,
        "listed=_ranges(listed),",
        "listed=None,",
    ),
    twin(
        21,
        "events count as purged by any completed row",
        "bulk/verification/test_verifier.py::test_queued_events_are_purged_by_a_completed_row_that_is_not_older_than_their_coverage",
        _VERIFIER,
        "if not target_states.coverage.is_newer(number := uuids[uuid], completed[uuid].timestamp())",
        "if (number := uuids[uuid]) is not None",
    ),
    twin(
        21,
        "changes that never show are not sent again",
        "bulk/verification/test_completion_poller.py::test_overdue_targets_are_sent_again_until_their_attempts_are_used_up",
        "bulk/verification/resend_policy.py",
        "return now - max(last_accepted_at, self._last_done_at) > after_s * self._patience",
        "return False",
    ),
    twin(
        22,
        "created_at is not compared",
        _ERASURE + "merged_recreated_and_disappeared_persons_are_reported_as_such",
        "bulk/posthog/person_reads.py",
        " and abs(known.created_at - person.created_at) < SAME_INSTANT",
        "",
    ),
    twin(
        22,
        "the distinct ID of a missing person is not looked up",
        _ERASURE + "merged_recreated_and_disappeared_persons_are_reported_as_such",
        _VERIFIER,
        "return _ABSENT if result.owner is None else _MERGED",
        "return _ABSENT",
    ),
    twin(
        22,
        "a re-created person is changed",
        _OTHERS + "persons_lost_between_plan_and_run_get_no_request",
        "bulk/posthog/person_reads.py",
        " and abs(known.created_at - person.created_at) < SAME_INSTANT",
        "",
    ),
    twin(
        22,
        "verify does not report persons that disappeared since",
        _ANEW + "verify_reports_persons_lost_after_their_properties_were_read",
        "bulk/verification/verification.py",
        "        Properties.CHANGED_CONFIRMED,\n        Properties.FOUND_CHANGED,\n        Properties.ALREADY_AS_DESIRED,\n        Properties.CONTRADICTED,\n",
        "        Properties.CONTRADICTED,\n",
    ),
    twin(
        22,
        "verify reads deleted persons by their UUID alone",
        _VERIFIED + "new_persons_with_the_distinct_id_of_a_deleted_one_are_named",
        _VERIFICATION,
        "return is_gone and distinct_id_of(target) is not None",
        "return False",
    ),
    twin(
        22,
        "the plan of re-created persons has the planned persons too",
        "bulk/verification/test_reappeared.py::test_only_persons_that_are_not_the_planned_ones_are_found",
        "bulk/verification/reappeared.py",
        "for each in persons if not is_same(target, each)",
        "for each in persons",
    ),
    twin(
        22,
        "the plan of re-created persons lacks one that a response leaves out",
        _VERIFIED + "one_response_that_leaves_a_re_created_person_out_does_not_keep_it_out_of_the_plan",
        "bulk/verification/reappeared.py",
        "unknown.append(target.number)",
        "pass",
    ),
    twin(
        22,
        "a deletion of unknown outcome explains an absence",
        _FACTS + "a_person_that_stays_after_a_failed_deletion_and_is_then_merged_is_not_reported_deleted",
        _VERIFIER,
        "FOUND_ABSENT = frozenset(\n    {\n",
        "FOUND_ABSENT = frozenset(\n    {\n        Person.UNKNOWN,\n        Person.TO_RETRY,\n",
    ),
    twin(
        35,
        "any value counts as that of a person's own row",
        _OWN + "a_person_with_the_values_of_another_row_is_not_done",
        _VERIFIER,
        "observation = _observation(target, result, desired.get(number))",
        "observation = _observation(target, result, DesiredProperties(once=d.values) if (d := desired.get(number)) else None)",
    ),
)
