"""The command line of the job, and the plans in the folder."""

from pathlib import Path

PEOPLE = 8
LINE = ("update", "plan=vip", "--distinct-ids", "leavers.txt")
GO = ("--yes", "--expect-count", PEOPLE)


def plans() -> list[Path]:
    return sorted(Path().glob("*.plan.jsonl"))
