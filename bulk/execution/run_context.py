"""What every group of a run works with. Values only."""

import random
from collections.abc import Callable

import msgspec

from asyncclient import PostHogClient
from bulk.concurrency.stop_gate import StopGate
from bulk.events import Trouble
from bulk.execution.breaker import Breaker, RetryBudget
from bulk.journal.job_log import JobLog
from bulk.posthog.strategy import Strategy
from bulk.verification.second_look import SecondLook
from bulk.verification.verifier import Verifier


class RunContext(msgspec.Struct, frozen=True, kw_only=True):
    """What every batch of a run shares.

    Arguments:
        report: takes events for the caller.
        moved: called after each change of the ledger, for progress.
        batch_size: targets a request that takes many, before halving.
        uniform: draws a number between two, for full jitter.
    """

    job: JobLog
    client: PostHogClient
    verifier: Verifier
    second_look: SecondLook
    strategy: Strategy
    gate: StopGate
    breaker: Breaker
    budget: RetryBudget
    report: Callable[[Trouble], None]
    moved: Callable[[], None]
    batch_size: int
    uniform: Callable[[float, float], float] = random.uniform
