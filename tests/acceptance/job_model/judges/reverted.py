"""The revert of a job that kept a before-image leaves all persons as they were, except those that others changed."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from job_model.case import Case
from job_model.world.others import Others
from job_model.world.project import Member, Project
from job_model.world.values import values_of

from asyncclient import PostHogClient
from bulk import Refused, plan_revert, run_job


async def revert(client: PostHogClient, before: Path, folder: Path) -> None:
    """Plan and run the revert of a job, if there is anything to revert."""
    try:
        plan = await plan_revert(client, before, folder / "revert.plan.jsonl")
    except Refused:
        return
    with plan:
        await run_job(client, plan, folder / "revert.journal.jsonl", approve=plan.digest)


def judge_reverted(
    case: Case, project: Project, others: Others, planned: Iterable[Member], had: Mapping[str, Mapping[str, Any]]
) -> Iterable[str]:
    """Yield what is wrong with the properties of persons to whom nobody else did anything.

    Arguments:
        had: the properties of each person before the job, by its name.
    """
    keys = {"secret", "token"} if case.operation.startswith("unset") else None
    for member in planned:
        person = project.world.person(member.uuid)
        if person is None or any(act.name == member.name for act in others.mutations):
            continue
        of_job = keys or values_of(case, member).keys()
        was = {key: value for key, value in had[member.name].items() if key in of_job}
        now = {key: value for key, value in person.properties.items() if key in of_job}
        if was != now:
            yield f"{member.name} had {was} before the job, and has {now} after its revert"
