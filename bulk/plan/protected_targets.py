"""Refuses to run a plan that contains a protected person (guarantee 32). Reads only."""

from collections.abc import Sequence

from asyncclient import PostHogClient
from bulk.concurrency.stop_gate import StopGate
from bulk.errors import Refused
from bulk.formatting import count_of
from bulk.plan.plan_file import Plan
from bulk.sanitize import plain
from bulk.selection.conditions.protection import Protect, ProtectedPersons
from bulk.selection.input_findings import LineNumbers


async def refuse_protected(client: PostHogClient, plan: Plan, protect: Sequence[Protect], gate: StopGate) -> None:
    """Check that a plan contains none of the persons that must not be in a plan.

    Arguments:
        client: for reading.
        plan: the plan, however old.
        protect: files and filters, as for `make_plan`.
        gate: for waits between two reads.

    Raises:
        Refused: it contains one; the message has the numbers of the targets and the lines that protect them.
        InputError, FileTrouble: a file cannot be used.
        NotFinished: a person could not be read.
    """
    if not protect:
        return
    found = LineNumbers()
    with ProtectedPersons() as protected:
        await protected.read(client, protect, gate)
        for target in plan.iter():
            if protected.leave_out(target.uuid):
                found.add(target.number)
        if not len(found):
            return
        raise Refused(
            f"the plan {plain(plan.path)} contains {protected.words()} that must not be in a plan: "
            f"{count_of(len(found), 'target')} {found.to_finding()['lines']}",
            "make a new plan with the same --protect, which leaves them out",
        )
