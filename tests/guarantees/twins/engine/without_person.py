"""Mistakes in jobs for events without a person: guarantee 37."""

from twin import Twin, twin

_SUBMISSION = "bulk/without_person/submission.py"
_ENGINE = "bulk/without_person/test_submission.py::test_"
_CHECKS = "bulk/without_person/checks.py"
_FILES = "bulk/cli/commands/without_person/test_job_files.py::test_"
_COMMAND = "bulk/cli/commands/without_person/test_without_person.py::test_"
_INTENT = _ENGINE + "the_intent_is_on_disk_before_a_request_leaves_and_a_cancelled_one_is_repeated"

WITHOUT_PERSON: tuple[Twin, ...] = (
    twin(
        37,
        "a submission leaves without a record of its intent",
        _INTENT,
        _SUBMISSION,
        "    await log.record(RequestIntended(chunk=number, submission=str(submission), at=log.now()))\n",
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
        "bulk/without_person/chunks.py",
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
        "bulk/without_person/test_left_out.py::test_a_request_that_one_response_does_not_know_is_read_again",
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
        "bulk/without_person/report.py",
        "    done = sum(chunk.status == COMPLETED for chunk in chunks)\n",
        '    done = sum(chunk.status in (COMPLETED, "approved") for chunk in chunks)\n',
    ),
    twin(
        9,
        "--force replaces the plan and the journal of a job for events without a person",
        _FILES + "no_output_and_no_log_replaces_a_plan_or_a_journal",
        "bulk/cli/streams/output_file.py",
        "(is_plan, is_journal, is_without_person_plan, is_without_person_journal)",
        "(is_plan, is_journal)",
    ),
    twin(
        23,
        "a renamed project is not noticed where requests are submitted",
        _FILES + "a_project_that_was_renamed_since_the_plan_is_refused",
        "bulk/cli/commands/operations/without_person_job.py",
        "        check_project_name(loaded.header, (await client.projects.get(project_id)).name)\n",
        "",
    ),
    twin(
        37,
        "a plan whose journal has another name is destroyed",
        _FILES + "a_plan_whose_journal_has_another_name_is_destroyed_only_with_a_record",
        "bulk/without_person/shred.py",
        "if (journal := recorded_journal(read_plan(path))) is not None:",
        "if (journal := recorded_journal(read_plan(path))) is not None and not path:",
    ),
    twin(
        37,
        "a plan without a journal is destroyed",
        _FILES + "a_plan_that_no_journal_at_hand_records_is_destroyed_only_with_the_option",
        "bulk/without_person/shred.py",
        '    if not unfinished:\n        raise Refused(\n            f"no journal',
        '    if not unfinished and not path:\n        raise Refused(\n            f"no journal',
    ),
    twin(
        37,
        "two processes that plan the same job both continue",
        _COMMAND + "of_two_processes_that_see_each_others_plan_the_first_one_continues",
        "bulk/cli/commands/operations/without_person_job.py",
        "was_published_first(other, made.path)",
        "was_published_first(other, other)",
    ),
    twin(
        37,
        "the journal of another job is read as the job's own",
        _FILES + "a_plan_takes_no_journal_of_another_job_and_no_second_one",
        "bulk/cli/commands/operations/without_person_job.py",
        "    check_journal(paths.journal, states, plan)\n",
        "",
    ),
)
