"""The checks that a job must pass before it starts, with the wording of each refusal. Pure.

Refusals that belong elsewhere: a journal of another job (`journal.binding`), a server too old for the operation
(`posthog.strategy`), a selection without persons (`plan.no_target`).
"""

from string import hexdigits

from bulk.errors import Refused
from bulk.formatting import count_of
from bulk.journal.target_states import TargetStates
from bulk.plan.plan_file import Plan, digest_matches
from bulk.plan.plan_lines import DIGEST_PREFIX, SHORT_DIGEST, PlanHeader
from bulk.sanitize import file_word
from bulk.selection.input_findings import by_kind
from bulk.selection.inputs.coverage import coverage_of
from bulk.without_person.plan import WithoutPersonHeader


def check_client(plan: Plan, *, origin: str, project_id: int | str) -> None:
    """Check that the client is set to the plan's host and project.

    Raises:
        Refused: it is set to another host or project.
    """
    if plan.header.host != origin:
        raise Refused(
            f"the plan was made for {plan.header.host}, but the client is set to {origin}",
            f"set the host to {plan.header.host}",
        )
    if plan.header.project_id != project_id:
        raise Refused(
            f"the plan was made for project {plan.header.project_id}, but the client is set to {project_id}",
            f"set the project ID to {plan.header.project_id}",
        )


def check_project_name(header: PlanHeader | WithoutPersonHeader, name: str) -> None:
    """Check that the project has the name that it had when the plan was reviewed.

    Arguments:
        header: of the plan.
        name: the name of the project now.

    Raises:
        Refused: it has another name now.
    """
    if name != header.project_name:
        raise Refused(
            f"project {header.project_id} had another name when the plan was made",
            "check that it is the right project, then make a new plan under another name",
        )


def check_caps(
    plan: Plan,
    *,
    max_targets: int | None,
    expect_count: int | None,
    expect_lines: int | None = None,
    expect_unmatched: int | None = None,
) -> None:
    """Check that the plan has no more targets than allowed, and as many targets and lines as expected (guarantee 23).

    The numbers are those of the whole job, not of what is left of it.

    Raises:
        Refused: the plan has more targets, or another number of targets or lines.
    """
    if max_targets is not None and plan.count > max_targets:
        raise Refused(
            f"the plan {plan.path} has {count_of(plan.count, 'person')}, more than --max-targets {max_targets}",
            "raise --max-targets, or select fewer persons",
        )
    if expect_count is not None and plan.count != expect_count:
        raise Refused(
            f"the plan {plan.path} has {count_of(plan.count, 'person')}, but --expect-count says {expect_count}",
            "find out why the numbers differ, then give the right number, or select the right persons",
        )
    if expect_lines is not None:
        _check_lines(plan, expect_lines)
    check_unmatched(plan, expect_unmatched)


def check_unmatched(plan: Plan, expected: int | None) -> None:
    """Check that as many input lines match no person as expected.

    Raises:
        Refused: they are more, or fewer.
    """
    coverage = coverage_of(by_kind(plan.findings))
    if expected is None or coverage.unmatched == expected:
        return
    if coverage.unmatched:
        match = "matches" if coverage.unmatched == 1 else "match"
        has = f"has {count_of(coverage.unmatched, 'input line')} that {match} no person"
    else:
        has = "has no input line without a person"
    raise Refused(
        f"the plan {plan.path} {has}, but --expect-unmatched says {expected}",
        "look at these lines, which the review of the plan lists, then give their number, or plan those that are needed"
        if coverage.unmatched
        else "leave out --expect-unmatched",
    )


def _check_lines(plan: Plan, expected: int) -> None:
    coverage = coverage_of(by_kind(plan.findings))
    if not coverage.lines:
        raise Refused(
            f"the plan {plan.path} was made without input lines, but --expect-lines says {expected}",
            "leave out --expect-lines",
        )
    if coverage.lines != expected:
        raise Refused(
            f"the input of the plan {plan.path} has {count_of(coverage.lines, 'line')}, "
            f"but --expect-lines says {expected}",
            "find out why the numbers differ, then run with the right number or a new plan",
        )


def check_approval(target_states: TargetStates, plan: Plan, approve: str | None) -> bool:
    """Check that the plan is approved, now or in an earlier run.

    Arguments:
        approve: the digest given for approval, if any.

    Returns:
        Whether the approval is new and has to be recorded.

    Raises:
        Refused: the plan is not approved, or the digest is that of another plan.
    """
    if approve is not None and not digest_matches(plan.digest, approve):
        given = approve.strip().lower().removeprefix(DIGEST_PREFIX)
        digits, review = len(given), f"review the plan again with `posthog-bulk show {file_word(str(plan.path))}`"
        if not set(given) <= set(hexdigits):
            raise Refused(
                "the text given for approval is not a digest, which has only the digits 0 to 9 and a to f",
                f"{review}, then approve the digest that it shows",
            )
        if digits < SHORT_DIGEST:
            raise Refused(
                f"the digest given for approval has only {count_of(digits, 'digit')}",
                f"give at least the first {SHORT_DIGEST} digits of the plan's digest",
            )
        raise Refused(
            f"the digest given for approval is not that of the plan {plan.path}",
            f"{review}, then approve the digest that it shows",
        )
    if target_states.approved is not None:
        return False
    if approve is None:
        raise Refused("the plan is not approved", f"review it, then approve it with its digest {plan.digest}")
    return True
