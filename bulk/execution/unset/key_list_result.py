"""Records whether the server removes all properties of a person in one call."""

from bulk.events import KeyListTested
from bulk.execution.run_context import RunContext
from bulk.journal import records


def record_result(context: RunContext, *, taken: bool) -> None:
    """Record and report whether the server takes a list of keys."""
    context.job.record(records.KeyListTested(at=context.job.now(), taken=taken))
    context.report(KeyListTested(taken=taken))
