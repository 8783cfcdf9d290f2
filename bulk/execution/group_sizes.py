"""How many targets a worker takes, and how many of them it reads ahead. Pure."""

import math

from bulk.execution.run_context import RunContext
from bulk.execution.run_settings import MAX_GROUP_SIZE, RunSettings
from bulk.posthog.batch_reads import READ_SIZE


def group_size(count: int, settings: RunSettings, *, one_call_per_person: bool, block: int = 1) -> int:
    """Return how many targets a worker takes: enough to fill a read, few enough to keep all workers busy.

    Arguments:
        count: targets that are left.
        one_call_per_person: each target gets a call of its own; otherwise a group is whole batches.
        block: calls that share an intent; a group is at most as many whole blocks as fit into one read.
    """
    share = max(1, math.ceil(count / settings.concurrency))
    if one_call_per_person:
        return math.ceil(share / math.ceil(share / whole_blocks(block)))
    size = max(settings.batch_size, min(share, MAX_GROUP_SIZE))
    return math.ceil(size / settings.batch_size) * settings.batch_size


def max_read_ahead(context: RunContext, count: int) -> int:
    """Return how many targets of a group are read ahead: whole blocks within one read, if a call takes one person.

    A person that is read long before its request takes memory, and its read expires; events leave right after a read.

    Arguments:
        count: targets of the group.
    """
    if context.strategy.one_call_per_person(context.job.primary_axis):
        return whole_blocks(context.strategy.persons_per_intent)
    return max(READ_SIZE, context.batch_size) if context.strategy.by_capture else count


def whole_blocks(block: int) -> int:
    """Return how many persons fill one read with whole blocks of calls that share an intent."""
    return READ_SIZE - READ_SIZE % block
