"""How many targets each worker of a run takes."""

import pytest

from asyncclient import InvalidArgument
from bulk.execution.run_settings import RunSettings, group_size, max_groups, whole_blocks


@pytest.mark.parametrize("count", [1, 31, 2_000, 6_400, 8_000, 64_000, 1_000_003])
@pytest.mark.parametrize("block", [1, 5, 64])
def test_a_group_of_single_calls_fits_one_read_and_workers_share_evenly(count, block):
    settings = RunSettings(concurrency=32)
    size = group_size(count, settings, one_call_per_person=True, block=block)
    assert 1 <= size <= whole_blocks(block)
    share = -(-count // settings.concurrency)
    rounds = -(-share // size)
    assert size * rounds - share < rounds


def test_a_group_of_batches_is_whole_batches():
    assert group_size(10_000, RunSettings(concurrency=4, batch_size=250), one_call_per_person=False) == 1000
    assert group_size(700, RunSettings(concurrency=4, batch_size=250), one_call_per_person=False) == 250


def test_an_outage_is_waited_out_for_at_most_a_year():
    assert RunSettings(retry_for_s=365 * 86_400).retry_for_s == 365 * 86_400
    with pytest.raises(InvalidArgument, match=r"retry_for_s 1e\+18 is more than 365 days \(31536000\)"):
        RunSettings(retry_for_s=1e18)


@pytest.mark.parametrize(
    ("allowed", "groups"),
    [
        ([], 256),
        ([(480, 60.0), (4800, 3600.0)], 256),
        ([(100, 3600.0)], 25),
        ([(2, 60.0), (4, 3600.0)], 1),
        ([(1, 3600.0)], 1),
    ],
)
def test_no_more_groups_wait_than_the_limit_lets_through_while_their_deletion_rows_are_fresh(allowed, groups):
    assert max_groups(allowed, 3600.0) == groups
