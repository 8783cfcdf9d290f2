"""Limits that let fewer persons be deleted in an hour than a batch holds: what is queued is deleted in time."""

from pathlib import Path
from typing import Any

import pytest
from job_model.case import TIGHT, Case
from job_model.driver import Driver
from virtual_time import run_virtual

OLD_SERVER: dict[str, Any] = {"deletion_status": False, "keep_person": False}


@pytest.mark.slow
@pytest.mark.parametrize("operation", ["delete+events", "delete+both"])
@pytest.mark.parametrize("batch_reads", [True, False])
def test_a_job_that_outlasts_the_hour_for_which_events_may_stay_uncovered_ends(
    operation: str, batch_reads: bool, tmp_path: Path
) -> None:
    case = Case(
        seed=0,
        operation=operation,
        era="empty202",
        options={**OLD_SERVER, "batch_reads": batch_reads},
        targets=12,
        selected_by="uuids",
        planned_in_trouble=False,
        limits=TIGHT,
        settings={},
        wall_off_s=0.0,
        turns=(),
    )

    async def run() -> None:
        await Driver(case, tmp_path).run()

    run_virtual(run())


@pytest.mark.slow
def test_groups_that_compete_for_a_tight_limit_do_not_make_each_others_deletion_rows_expire(tmp_path: Path) -> None:
    case = Case(
        seed=0,
        operation="delete+both",
        era="empty202",
        options={**OLD_SERVER, "batch_reads": True},
        targets=12,
        selected_by="uuids",
        planned_in_trouble=False,
        limits=TIGHT,
        settings={"batch_size": 2, "concurrency": 8},
        wall_off_s=0.0,
        turns=(),
    )

    async def run() -> None:
        await Driver(case, tmp_path).run()

    run_virtual(run())
