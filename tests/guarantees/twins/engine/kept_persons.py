"""Mistakes after a response that does not say whether persons were kept: guarantee 24."""

from twin import Twin, twin

_KEPT = "integration/facts/test_kept_persons.py::test_"
_KEPT_PERSONS = "bulk/verification/kept_persons.py"
_READS_FIRST = _KEPT + "after_an_empty_response_nothing_is_sent_until_its_persons_were_read_some_seconds_later"
_KILLED = _KEPT + "a_job_that_is_killed_after_an_empty_response_reads_before_it_sends"

KEPT_PERSONS: tuple[Twin, ...] = (
    twin(
        24,
        "one empty response to keep_person ends the job for good",
        _KEPT + "one_empty_response_does_not_end_a_job_whose_persons_are_all_there",
        "bulk/posthog/attempt_result.py",
        "return msgspec.structs.replace(result, error=NO_SUMMARY, code=None)",
        "return msgspec.structs.replace(result, next_action=NextAction.STOP, error=DELETED_INSTEAD_OF_KEPT, code=None)",
    ),
    twin(
        24,
        "the persons of an empty response are read at once, when an outdated read can still show them",
        _READS_FIRST,
        _KEPT_PERSONS,
        "        await self._gate.sleep(person_reader.CONFIRM_AFTER_S, WaitKind.SECOND_READ, targets=len(numbers))\n",
        "",
    ),
    twin(
        24,
        "the journal does not say whose persons have to be read after an empty response",
        (_READS_FIRST, _KILLED),
        "bulk/journal/run_stats.py",
        "        if record.error == NO_SUMMARY:\n",
        "        if False:\n",
    ),
    twin(
        24,
        "a kill before the journal is synced loses an empty response",
        _KILLED,
        _KEPT_PERSONS,
        "        await self._job.wait_durable()  # a run that is killed from here on leaves the read to the next one\n",
        "",
    ),
    twin(
        24,
        "a run begins without the reads that a killed one owes",
        _KILLED,
        "bulk/execution/run.py",
        "        await self._context.kept_persons.read()\n",
        "",
    ),
    twin(
        24,
        "requests that wait for the rate limit leave while persons of an empty response are unread",
        _KEPT + "requests_that_are_waiting_for_the_rate_limit_leave_only_after_the_read",
        "bulk/execution/batch_sender.py",
        " or self._context.kept_persons.must_be_read:",
        ":",
    ),
    twin(
        24,
        "an empty response after which a person is gone ends only the run",
        _KEPT + "an_empty_response_after_which_a_person_is_gone_ends_the_job_for_good",
        _KEPT_PERSONS,
        "if gone := sum(self._job.target_states.person(number) in FINAL_PERSON_STATES for number in missing):",
        "if gone := 0:",
    ),
    twin(
        24,
        "a person that cannot be read after an empty response counts as kept",
        _KEPT + "persons_that_cannot_be_read_after_an_empty_response_end_the_run_but_not_the_job",
        _KEPT_PERSONS,
        "        if missing:\n",
        "        if False:\n",
    ),
    twin(
        24,
        "a run sends on however many responses are empty",
        _KEPT + "a_server_that_never_sends_a_summary_ends_the_run_as_not_finished",
        _KEPT_PERSONS,
        "if self._empty_responses >= MAX_EMPTY_RESPONSES:",
        "if False:",
    ),
)
