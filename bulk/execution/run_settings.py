"""The settings of one run, and their limits. Values only."""

import math

import msgspec

from bulk.verification.verifier import MAX_UNCOVERED_S

LARGEST_BATCH = 1000
"""What bulk_delete takes (contract 6.5)."""
MOST_WORKERS = 256
LARGEST_GROUP = 1000
"""Targets that a worker takes at once: five full reads of the store, one page of deletion rows."""
LEAST_UNCOVERED_S = 60.0


class RunSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The settings of one run, which may differ from run to run of a job.

    Arguments:
        concurrency: batches processed in parallel.
        batch_size: persons per bulk request.
        wait_s: seconds to wait for the server to catch up.
        max_uncovered_s: seconds before a person's deletion in which its events may stay uncovered by a deletion row.
    """

    concurrency: int = 8
    batch_size: int = 250
    wait_s: float = 900.0
    max_uncovered_s: float = MAX_UNCOVERED_S

    def __post_init__(self) -> None:
        for name, value, most in (
            ("concurrency", self.concurrency, MOST_WORKERS),
            ("batch size", self.batch_size, LARGEST_BATCH),
        ):
            if type(value) is not int or not 1 <= value <= most:
                raise ValueError(f"{name} {value!r} is not a whole number between 1 and {most}")
        if type(self.wait_s) not in (int, float) or not 0 <= self.wait_s < math.inf:
            raise ValueError(f"wait {self.wait_s!r} is not a number of seconds, 0 or more")
        uncovered_s = self.max_uncovered_s
        if type(uncovered_s) not in (int, float) or not LEAST_UNCOVERED_S <= uncovered_s < math.inf:
            raise ValueError(f"max uncovered {uncovered_s!r} is not a number of seconds, {LEAST_UNCOVERED_S:g} or more")
