"""May this job start? Checks over values, each with its one sentence. Pure."""

from bulk.errors import Refused
from bulk.journal.target_states import TargetStates
from bulk.plan.plan_file import Plan, digest_matches


def check_client(plan: Plan, *, origin: str, project_id: int | str) -> None:
    """The client speaks to the plan's project.

    Raises:
        Refused: another host or project.
    """
    if plan.header.host != origin:
        raise Refused(
            f"the plan was made on {plan.header.host}, the client speaks to {origin}",
            "set POSTHOG_HOST to the plan's host",
        )
    if plan.header.project_id != project_id:
        raise Refused(
            f"the plan is for project {plan.header.project_id}, the client is set to {project_id}",
            "set POSTHOG_PROJECT_ID to the plan's project",
        )


def check_project_name(plan: Plan, name: str) -> None:
    """The server calls the project what it was called when the plan was reviewed.

    Raises:
        Refused: it has another name now.
    """
    if name != plan.header.project_name:
        raise Refused(
            f"project {plan.header.project_id} had another name when the plan was made",
            "make sure that it is the right project and make a new plan",
        )


def check_caps(plan: Plan, *, max_targets: int | None, expect_count: int | None) -> None:
    """The plan is not larger than allowed, and as large as expected. Both speak of the whole job (promise 23).

    Raises:
        Refused: a cap is broken.
    """
    if max_targets is not None and plan.count > max_targets:
        raise Refused(
            f"the plan has {plan.count} targets, more than --max-targets {max_targets}",
            "raise the cap or make a smaller plan",
        )
    if expect_count is not None and plan.count != expect_count:
        raise Refused(
            f"the plan has {plan.count} targets, --expect-count says {expect_count}",
            "find out why they differ before going on",
        )


def check_approval(target_states: TargetStates, plan: Plan, approve: str | None) -> bool:
    """The plan is approved, now or in an earlier run.

    Returns:
        Whether the approval is new and has to be noted.

    Raises:
        Refused: nobody approved it, or another plan was approved.
    """
    if approve is not None and not digest_matches(plan.digest, approve):
        raise Refused(
            f"the digest given for approval is not this plan's, which is {plan.digest}",
            "review the plan that is to run and approve its digest",
        )
    if target_states.approved is not None:
        return False
    if approve is None:
        raise Refused("the plan is not approved", f"review it, then approve it by its digest {plan.digest}")
    return True
