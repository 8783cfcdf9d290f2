"""Mistakes in jobs for events without a person: guarantee 37."""

from twin import Twin, twin

_SUBMISSION = "bulk/personless/submission.py"
_ENGINE = "bulk/personless/test_submission.py::test_"
_CHECKS = "bulk/personless/checks.py"
_COMMAND = "bulk/cli/commands/without_person/test_without_person.py::test_"
_INTENT = _ENGINE + "the_intent_is_on_disk_before_a_request_leaves_and_a_cancelled_one_is_repeated"

PERSONLESS: tuple[Twin, ...] = (
    twin(
        37,
        "a submission leaves without a record of its intent",
        _INTENT,
        _SUBMISSION,
        "    await log.record(SubmissionIntended(chunk=number, submission=str(submission), at=log.now()))\n",
        "",
    ),
    twin(
        37,
        "a submission leaves before its intent is on disk",
        _INTENT,
        _SUBMISSION,
        "        await self._writer.durable()\n",
        "",
    ),
    twin(
        37,
        "a repeated submission has another ID",
        _INTENT,
        "bulk/personless/chunks.py",
        'return uuid5(_SUBMISSIONS, f"{job}/{chunk}")',
        "return uuid5(_SUBMISSIONS, f\"{job}/{chunk}/{__import__('os').urandom(8)!r}\")",
    ),
    twin(
        37,
        "an ID with a person is submitted",
        (
            "bulk/cli/commands/without_person/test_refused.py::test_an_id_with_a_person_refuses_the_job_and_is_named_by_its_line",
            "bulk/cli/commands/without_person/test_refused.py::test_an_id_that_gets_a_person_before_a_resume_refuses_it",
        ),
        _CHECKS,
        "    if with_person:\n",
        "    if with_person and not lines:\n",
    ),
    twin(
        37,
        "an ID that one response leaves out has no person",
        _COMMAND + "exactly_the_events_of_the_ids_are_gone_after_the_weekend",
        _CHECKS,
        "        return (with_person, unread), left_out\n\n    read",
        "        return (with_person, unread), left_out[:0]\n\n    read",
    ),
    twin(
        37,
        "a request that one response does not know is missing",
        "bulk/personless/test_left_out.py::test_a_request_that_one_response_does_not_know_is_read_again",
        _SUBMISSION,
        "        if not await _is_found(client, log, number) and",
        "        if",
    ),
    twin(
        37,
        "one response that counts no event ends the job",
        "bulk/cli/commands/without_person/test_without_person_left_out.py"
        "::test_that_no_event_is_counted_once_does_not_mean_that_there_is_none",
        "bulk/cli/commands/operations/without_person_job.py",
        "        events = events or await count_again(client, chunks, gate)\n",
        "",
    ),
    twin(
        37,
        "a request that was approved counts as completed",
        _COMMAND + "exactly_the_events_of_the_ids_are_gone_after_the_weekend",
        "bulk/personless/report.py",
        "    done = sum(chunk.status == COMPLETED for chunk in chunks)\n",
        '    done = sum(chunk.status in (COMPLETED, "approved") for chunk in chunks)\n',
    ),
)
