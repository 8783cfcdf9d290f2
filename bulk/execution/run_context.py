"""The objects that all groups of a run share. Values only."""

import random
from collections.abc import Callable

import msgspec

from asyncclient import PostHogClient
from bulk.concurrency.stop_gate import StopGate
from bulk.events import KeyListTested, Trouble
from bulk.execution.breaker import Breaker, RetryBudget
from bulk.journal.job_log import JobLog
from bulk.posthog.strategy import Strategy
from bulk.undo.before_image import BeforeImage
from bulk.verification.kept_persons import KeptPersons
from bulk.verification.second_look import SecondLook
from bulk.verification.verifier import Verifier


class RunContext(msgspec.Struct, frozen=True, kw_only=True):
    """The objects that all groups of a run share.

    Arguments:
        report: takes an event after each request that failed, and after a trial.
        moved: called after each change of the target states, for progress.
        batch_size: targets per bulk request, before any halving.
        before_image: keeps what persons have before they are changed; None if nothing is kept.
        uniform: returns a random number between two others, for full jitter.
    """

    job: JobLog
    client: PostHogClient
    verifier: Verifier
    second_look: SecondLook
    kept_persons: KeptPersons
    strategy: Strategy
    gate: StopGate
    breaker: Breaker
    budget: RetryBudget
    report: Callable[[Trouble | KeyListTested], None]
    moved: Callable[[], None]
    batch_size: int
    before_image: BeforeImage | None = None
    uniform: Callable[[float, float], float] = random.uniform
