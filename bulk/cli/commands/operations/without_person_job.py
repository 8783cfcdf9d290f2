"""Finds or plans the job of `delete-events --without-person`; checks IDs and counts events before a submission."""

import os
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from asyncclient import PostHogClient
from bulk.cli.job_paths import JobPaths, check_job_files, check_places, choose_job_paths
from bulk.cli.options.settings import Settings
from bulk.cli.streams.output_file import is_same_file
from bulk.concurrency.stop_gate import StopGate
from bulk.errors import FileTrouble, JobPlannedTwice, JournalEmpty, Refused
from bulk.execution.preflight import check_project_name
from bulk.jobs.job_files import was_published_first
from bulk.sanitize import plain
from bulk.without_person.checks import check_access, check_no_persons, count_again, count_events
from bulk.without_person.chunks import digest_of
from bulk.without_person.job_files import find_plans, recorded_journal
from bulk.without_person.plan import FORMAT, WithoutPersonHeader, WithoutPersonPlan, read_plan, write_plan
from bulk.without_person.records import WithoutPersonStates, read_states, refuse_other_journal
from bulk.without_person.submission import check_journal


class Prepared(msgspec.Struct, frozen=True, kw_only=True):
    """What is known before anything is submitted.

    Arguments:
        header: of the plan, which exists or is to be written.
        plan: if it exists already.
        paths: the files of the job.
        events: how many events the server counts; None for a job that is approved already.
    """

    header: WithoutPersonHeader
    plan: WithoutPersonPlan | None
    paths: JobPaths
    events: int | None


async def prepare_job(
    client: PostHogClient,
    gate: StopGate,
    lines: dict[str, int],
    chunks: Sequence[tuple[str, ...]],
    plan: Path | None,
    journal: Path | None,
    *,
    concurrency: int,
    settings: Settings,
) -> Prepared:
    """Check access, find the job that the command resumes, and check and count what is still to be submitted.

    Arguments:
        client: only reads.
        gate: for the waits between reads.
        lines: the distinct IDs, each with the number of its first line.
        chunks: the same IDs, by request.
        plan: the plan file, if given.
        journal: the journal, if given.
        concurrency: requests at once.
        settings: for the names of the files.

    Raises:
        Refused: a check refuses the job, or the plan is for something else.
        PostHogError: the server did not respond for too long, or responded with an error.
    """
    project_id, digest = client.project_id, digest_of(chunks)
    if not isinstance(project_id, int):
        raise Refused("such a job needs a project number: @current can change at any moment", "set the project ID")
    await check_access(client)
    paths, loaded = _find_job(plan, journal, settings, host=client.origin, project_id=project_id, digest=digest)
    states = _read_states(paths, loaded)
    if loaded is not None:
        chunks = loaded.chunks
        check_project_name(loaded.header, (await client.projects.get(project_id)).name)
    events = await _check_and_count(client, gate, lines, chunks, states, concurrency=concurrency)
    if loaded is not None:
        return Prepared(header=loaded.header, plan=loaded, paths=paths, events=events)
    project = await client.projects.get(project_id)
    header = WithoutPersonHeader(
        format=FORMAT,
        job=os.urandom(8).hex(),
        host=client.origin,
        project_id=project_id,
        project_name=project.name,
        created_at=datetime.fromtimestamp(client.server_time(), UTC).isoformat(timespec="seconds"),
        ids_digest=digest,
    )
    return Prepared(header=header, plan=None, paths=paths, events=events)


def _find_job(
    plan: Path | None, journal: Path | None, settings: Settings, *, host: str, project_id: int, digest: str
) -> tuple[JobPaths, WithoutPersonPlan | None]:
    """Return the files of the job, and its plan if that exists.

    Raises:
        Refused: the plan is for something else or has another journal, or several jobs are for these distinct IDs.
        FileTrouble: a file cannot be used.
    """
    if plan is None and journal is None and (found := find_plans(Path(), host, project_id, digest)):
        plan = _only(found)
    paths = _paths(settings, plan, journal)
    check_job_files(paths.plan, paths.journal)
    check_places(paths)
    loaded = read_plan(paths.plan) if os.path.lexists(paths.plan) else None
    if loaded is not None and not loaded.header.is_for(host, project_id, digest):
        raise Refused(
            f"{paths.plan} is for other distinct IDs, or another host or project",
            "name a new file with --plan for a new job, or run it with the input that it was made from",
        )
    recorded = None if loaded is None else recorded_journal(loaded)
    if recorded is None or is_same_file(recorded, paths.journal):
        return paths, loaded
    if journal is not None:
        raise Refused(
            f"{paths.plan} was run: its journal is {recorded}, not {journal}",
            "leave out --journal, or name that journal with it",
        )
    return msgspec.structs.replace(paths, journal=recorded), loaded


def _read_states(paths: JobPaths, plan: WithoutPersonPlan | None) -> WithoutPersonStates:
    """Return the states that the journal records; those of a new job if it is new, or was cut before its first record.

    Raises:
        Refused: it is the journal of another job, or of one whose plan does not exist.
        FileTrouble: it is no such journal, is damaged or cannot be read.
    """
    refuse_other_journal(paths.journal)
    if not os.path.lexists(paths.journal):
        return WithoutPersonStates()
    try:
        states = read_states(paths.journal)
    except JournalEmpty:
        return WithoutPersonStates()
    if plan is None:
        what = "is missing" if states.shredded is None else "was destroyed"
        raise Refused(
            f"{paths.journal} is the journal of a job whose plan {paths.plan} {what}",
            "name the plan of this job with --plan, or new files with --plan and --journal for a new job",
        )
    check_journal(paths.journal, states, plan)
    return states


async def _check_and_count(
    client: PostHogClient,
    gate: StopGate,
    lines: dict[str, int],
    chunks: Sequence[tuple[str, ...]],
    states: WithoutPersonStates,
    *,
    concurrency: int,
) -> int | None:
    """Check that no ID that is still to be submitted has a person, and count the events unless the job is approved.

    The first count comes before the check, because it shows whether the key may count at all.
    """
    left = [ids for number, ids in enumerate(chunks) if not states.chunks or states.chunks[number].request is None]
    events = None if states.approved else sum([await count_events(client, ids) for ids in chunks[:1]])
    await check_no_persons(client, {each: lines[each] for ids in left for each in ids}, gate, concurrency=concurrency)
    if events is not None:
        events += sum([await count_events(client, ids) for ids in chunks[1:]])
        events = events or await count_again(client, chunks, gate)
    return events


def _only(found: Sequence[Path]) -> Path:
    if len(found) > 1:
        names = ", ".join(plain(path) for path in found)
        raise Refused(f"several jobs are for these distinct IDs: {names}", "name the one to resume with --plan")
    return found[0]


def write_new_plan(ready: Prepared, chunks: Sequence[tuple[str, ...]], settings: Settings) -> Prepared:
    """Write the plan, and return what is known with it; a generated name that was taken meanwhile is changed.

    Of two processes that plan the same job, the one whose plan was published first continues.

    Raises:
        JobPlannedTwice: another process was first; this plan is removed, or was not written.
        FileTrouble: the plan cannot be written.
    """
    header, paths = ready.header, ready.paths
    try:
        made = write_plan(paths.plan, header, chunks)
    except FileTrouble:
        if not paths.is_generated or not os.path.lexists(paths.plan):
            raise
        if paths.plan in _plans_of(header):
            raise JobPlannedTwice(paths.plan) from None
        return write_new_plan(msgspec.structs.replace(ready, paths=_paths(settings)), chunks, settings)
    if paths.is_generated:
        for other in _plans_of(header):
            if other.name != made.path.name and was_published_first(other, made.path):
                made.path.unlink()
                raise JobPlannedTwice(other)
    return msgspec.structs.replace(ready, plan=made)


def _plans_of(header: WithoutPersonHeader) -> list[Path]:
    return find_plans(Path(), header.host, header.project_id, header.ids_digest)


def _paths(settings: Settings, plan: Path | None = None, journal: Path | None = None) -> JobPaths:
    """Return the files as given, or with names that are not in use."""
    return choose_job_paths(
        plan,
        journal,
        operation="delete-events-without-person",
        project=settings.project(os.environ),
        now=datetime.now(UTC),
    )
