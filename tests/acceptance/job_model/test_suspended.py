"""A machine that is suspended at one request after the other, while others delete, merge or re-create persons.

The response that arrives after the suspend is as old as the suspend is long, and shows persons that no longer exist.
"""

import itertools
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from job_model.case import ERAS, OPERATIONS, Case, Turn
from job_model.driver import Driver
from job_model.world.machine import Machine
from job_model.world.project import Project
from job_model.world.trouble import Fate, Trouble
from virtual_time import run_virtual

from asyncclient import RateLimits

ACTS = ("remove", "merge", "recreate")
SUSPENDED_S = (40.0, 4000.0)
"""Both are longer than an event may leave after its person was read; a call may leave after the shorter one."""
AFFECTED = 2
REQUESTS = range(1, 13)
"""Requests of a run at which the machine is suspended: from before its first read of persons until all are done."""

OF_ERA: dict[str, dict[str, Any]] = {
    "empty202": {"deletion_status": False, "keep_person": False, "delete_property_lists": False},
    "summary": {"delete_order": "tombstone"},
    "queued": {"queued_delay_s": 20.0},
}


class Suspend(Trouble):
    """One suspend, between a request and its response."""

    at = 0
    asleep_s = 0.0
    act = ""

    def __init__(self, case: Case, project: Project, machine: Machine) -> None:
        super().__init__(case, project, machine)
        self._responses = 0

    def fate(self, action: str, *, keeps: bool = False) -> Fate | None:
        """Every request is answered."""
        return None

    def stir(self) -> None:
        """Suspend the machine when it is time."""
        self._responses += not self.planning
        if self.over or self._responses != self.at:
            return
        for member in self._project.selected[:AFFECTED]:
            self.others.do(self.act, member)
        self._machine.sleep(self.asleep_s)


def case_of(operation: str, era: str) -> Case:
    return Case(
        seed=0,
        operation=operation,
        era=era,
        options=OF_ERA[era],
        targets=4,
        selected_by="uuids",
        planned_in_trouble=False,
        limits=RateLimits.off(),
        settings={},
        wall_off_s=0.0,
        turns=(Turn(purpose="run", gap_s=0.0, ends_at=None, roughly=False),),
    )


def cases(operation: str, era: str) -> Iterator[tuple[int, str, float]]:
    """Request, act and seconds of a suspend: all of them in the slow suite, every third request otherwise."""
    if os.environ.get("POSTHOG_BULK_SLOW") == "1":
        yield from itertools.product(REQUESTS, ACTS, SUSPENDED_S)
        return
    first = (list(OPERATIONS).index(operation) + ERAS.index(era)) % 3
    short_s, long_s = SUSPENDED_S
    for number, at in enumerate(REQUESTS[first::3]):
        yield at, ACTS[number % 3], short_s if operation.endswith("capture") else long_s


@pytest.mark.slow
@pytest.mark.parametrize("era", ERAS)
@pytest.mark.parametrize("operation", OPERATIONS)
def test_nothing_is_sent_for_a_person_that_was_last_read_before_a_suspend(
    operation: str, era: str, tmp_path: Path
) -> None:
    for number, (at, act, asleep_s) in enumerate(cases(operation, era)):
        trouble = type("Suspend", (Suspend,), {"at": at, "act": act, "asleep_s": asleep_s})
        folder = tmp_path / str(number)
        folder.mkdir()

        async def run(case: Case, trouble: type[Suspend], folder: Path) -> None:
            await Driver(case, folder, trouble).run()

        run_virtual(run(case_of(operation, era), trouble, folder))
