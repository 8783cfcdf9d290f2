"""How many targets a worker takes, reads and sends at once. Pure."""

import math

from bulk.execution.run_context import RunContext
from bulk.execution.run_settings import LARGEST_GROUP, RunSettings
from bulk.posthog.person_reader import READ_SIZE


def group_size(count: int, settings: RunSettings, *, one_call_per_person: bool, block: int = 1) -> int:
    """How many targets a worker takes at once: enough to fill a read, few enough to keep all workers busy.

    Arguments:
        one_call_per_person: each gets a call of its own, one after the other; otherwise a group is whole batches.
        block: how many single calls share an intent; a group is at most as many whole blocks as fit into one read.
    """
    share = max(1, math.ceil(count / settings.concurrency))
    if one_call_per_person:
        return math.ceil(share / math.ceil(share / whole_blocks(block)))
    wanted = max(settings.batch_size, min(share, LARGEST_GROUP))
    return math.ceil(wanted / settings.batch_size) * settings.batch_size


def max_read_ahead(context: RunContext, count: int) -> int:
    """How many of a group are read at once: where a call takes one person, whole blocks of them out of one read.

    What is read long before it is sent fills memory and goes out of date; events are sent right after each read.
    """
    if context.strategy.one_call_per_person(context.job.lead):
        return whole_blocks(context.strategy.block)
    return max(READ_SIZE, context.batch_size) if context.strategy.by_capture else count


def whole_blocks(block: int) -> int:
    """How many persons to read at once, where a block of single calls shares an intent: whole blocks."""
    return READ_SIZE - READ_SIZE % block
