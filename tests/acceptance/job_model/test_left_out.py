"""A table of what comes of answers that leave persons out: read, operation, stage, how many, once or for a while.

Once is never a proof: the job ends as if nothing had been left out. Who is left out for so long, by UUID and by
distinct ID, is taken for gone, and is found again by the next verify. In the end all is as asked in every row.
"""

from pathlib import Path

import pytest
from job_model.left_out import PERSONS, READS, WHILE_S, Row, Stage, play
from virtual_time import run_virtual

DONE = {
    "delete": {"person": {"gone"}},
    "delete+events": {"person": {"gone"}, "events": {"queued"}},
    "delete-events": {"person": {"not_asked"}, "events": {"queued"}},
    "delete-recordings": {"person": {"not_asked"}, "recordings": {"requested"}},
    "unset-rest": {"person": {"not_asked"}, "properties": {"done"}},
    "update-rest": {"person": {"not_asked"}, "properties": {"done"}},
    "unset-capture": {"person": {"not_asked"}, "properties": {"done"}},
}
"""What becomes of persons in a run in which nothing is left out."""
STAGES: tuple[Stage, ...] = ("checking", "unclear", "reading back", "verifying")
STORE = ("by UUID", "by distinct ID", "by both", "one by one")


def rows() -> list[Row]:
    """All rows that can be: rows are read only where events are deleted, listings and queries only to plan."""
    found = []
    for operation in DONE:
        for who in (1, 2, PERSONS):
            for lasts_s in (None, WHILE_S):
                for read in READS:
                    stages: tuple[Stage, ...] = ("planning", *STAGES)
                    if read == "rows":
                        stages = STAGES[1:] if "events" in operation else ()
                    elif read in ("listing", "query"):
                        stages = ("planning",) if operation == "unset-rest" else ()
                    found += [
                        Row(operation=operation, read=read, stage=stage, who=who, lasts_s=lasts_s) for stage in stages
                    ]
    return found


@pytest.mark.parametrize("row", rows(), ids=lambda row: row.name)
def test_a_row(row: Row, tmp_path: Path) -> None:
    print(row, run_virtual(play(row, tmp_path)))
