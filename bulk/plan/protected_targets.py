"""Refuses to run a plan that contains a protected person (guarantee 32). Reads only."""

from collections.abc import Sequence

from asyncclient import PostHogClient
from bulk.concurrency.stop_gate import StopGate
from bulk.errors import Refused
from bulk.events import ProtectionChecked
from bulk.plan.plan_file import Plan
from bulk.sanitize import plain
from bulk.selection.conditions.protection import Protect, ProtectedPersons
from bulk.selection.conditions.protection_warnings import protection_warnings
from bulk.selection.input_findings import LineNumbers


async def refuse_protected(
    client: PostHogClient, plan: Plan, protect: Sequence[Protect], gate: StopGate
) -> ProtectionChecked | None:
    """Check that a plan contains none of the persons that must not be in a plan.

    Arguments:
        client: for reading.
        plan: the plan, however old.
        protect: files and filters, as for `make_plan`.
        gate: for waits between two reads.

    Returns:
        What was checked; None where nothing is protected.

    Raises:
        Refused: it contains one, and the message has the numbers of the targets and the lines that protect them; or a
            filter is on a property that no person has.
        InputError, FileTrouble: a file cannot be used.
        NotFinished: a person could not be read.
    """
    if not protect:
        return None
    found = LineNumbers()
    with ProtectedPersons() as protected:
        await protected.read(client, protect, gate)
        for target in plan.iter():
            if protected.leave_out(target.uuid):
                found.add(target.number)
        if not len(found):
            finding = protected.to_finding()
            return ProtectionChecked(
                lines=finding["read"],
                unmatched=finding["unmatched"]["count"],
                warnings=tuple(protection_warnings(finding)),
            )
        raise Refused(
            f"the plan {plain(plan.path)} contains {protected.words()} that must not be in a plan: "
            f"{'number' if len(found) == 1 else 'numbers'} {found.to_finding()['lines']}",
            "make a new plan with the same --protect, which leaves them out",
        )
