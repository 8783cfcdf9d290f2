"""The settings of one run, their bounds, and the size of a group that follows from them. Pure."""

import math
from collections.abc import Iterable

import msgspec

from asyncclient import RetryPolicy
from bulk.concurrency.outages import RETRY_FOR_S
from bulk.posthog.batch_reads import READ_SIZE
from bulk.requests.job_record import check_text
from bulk.verification.verifier import MAX_UNCOVERED_S

MAX_BATCH_SIZE = 1000
"""Persons that one bulk_delete takes (contract 6.5)."""
MAX_WORKERS = 256
MAX_GROUP_SIZE = 1000
"""Targets that a worker takes at once: five full reads of persons, one page of deletion rows."""
MIN_UNCOVERED_S = 60.0


class RunSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The settings of one run, which may differ from run to run of a job.

    Arguments:
        concurrency: batches processed in parallel.
        batch_size: persons per bulk request.
        wait_s: seconds to wait for the server to catch up.
        max_uncovered_s: how old a deletion row may be when its person is deleted, in seconds; events that came after
            the row stay behind.
        retry_for_s: seconds for which an outage of the server is waited out, up to 365 days.
        approver: who approves the plan, for the journal.
        expect_unmatched: how many input lines are expected to match no person; None if nothing is said about them.
        operator: who expects that, for the journal.
    """

    concurrency: int = 8
    batch_size: int = 250
    wait_s: float = 900.0
    max_uncovered_s: float = MAX_UNCOVERED_S
    retry_for_s: float = RETRY_FOR_S
    approver: str | None = None
    expect_unmatched: int | None = None
    operator: str | None = None

    def __post_init__(self) -> None:
        for name, value, maximum in (
            ("concurrency", self.concurrency, MAX_WORKERS),
            ("batch size", self.batch_size, MAX_BATCH_SIZE),
        ):
            if type(value) is not int or not 1 <= value <= maximum:
                raise ValueError(f"{name} {value!r} is not a whole number from 1 to {maximum}")
        if type(self.wait_s) not in (int, float) or not 0 <= self.wait_s < math.inf:
            raise ValueError(f"wait {self.wait_s!r} is not a number of seconds, 0 or more")
        check_text(self.approver, "approver")
        check_text(self.operator, "operator")
        RetryPolicy(retry_for_s=self.retry_for_s)  # checks it
        uncovered_s = self.max_uncovered_s
        if type(uncovered_s) not in (int, float) or not MIN_UNCOVERED_S <= uncovered_s < math.inf:
            raise ValueError(f"max uncovered {uncovered_s!r} is not a number of seconds, {MIN_UNCOVERED_S:g} or more")


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


def max_groups(allowed: Iterable[tuple[int, float]], max_uncovered_s: float) -> int:
    """Return how many groups may wait at once between the deletion of their events and that of their persons.

    Each group makes two requests, in turn with the others. If all of them take longer than half of the time that a
    deletion row may be old, the rows of every group expire before its turn, and no person is ever deleted.

    Arguments:
        allowed: requests that a rate limit allows, and the length of its window in seconds.
        max_uncovered_s: how old a deletion row may be when its person is deleted, in seconds.
    """
    requests = min((limit * max_uncovered_s / 2 / window_s for limit, window_s in allowed), default=math.inf)
    return max(1, int(min(requests / 2, MAX_WORKERS)))


def whole_blocks(block: int) -> int:
    """Return how many persons fill one read with whole blocks of calls that share an intent."""
    return READ_SIZE - READ_SIZE % block
