"""Whole jobs in virtual time, through whatever can go wrong: nothing is called done without proof, and all jobs end.

A case is drawn from a seed; a failure names the seed, and `--seed` runs that one alone.
"""

from job_model.driver import drive
from virtual_time import run_virtual


def test_a_resumed_job_with_nothing_left_to_send_ends_although_others_removed_its_test_batch() -> None:
    run_virtual(drive(19_155))


def test_a_job_ends_as_the_server_knows_it(seed: int) -> None:
    run_virtual(drive(seed))
