"""An Airflow DAG that runs an approved plan and verifies it until its events are purged, which takes days.

Exit code 75 of `posthog-bulk` means: run the same command again later. That is what the retries are for. Any other
failure needs a person, so the task fails at once. Needs Airflow 3.2, `posthog-bulk` on the PATH of the worker, and the
`POSTHOG_*` variables in its environment. A job resumes wherever its plan and journal are, so keep /jobs on a shared
disk, or pin the tasks to one worker.
"""

import subprocess
from datetime import timedelta

from airflow.sdk import dag, task
from airflow.sdk.exceptions import AirflowFailException

PLAN = "/jobs/leavers.plan.jsonl"
JOURNAL = "/jobs/leavers.journal.jsonl"
DIGEST = "0123456789ab"
"""What `posthog-bulk plan` printed for the plan that was approved."""
RUN_AGAIN = 75


class NotFinishedError(Exception):
    """The job is not finished: Airflow runs the task again after the retry delay."""


def posthog_bulk(*arguments: str) -> None:
    """Run a command of posthog-bulk.

    Raises:
        NotFinishedError: it has to be run again later.
        AirflowFailException: it failed, so no retry can help.
    """
    ended = subprocess.run(["posthog-bulk", *arguments, "-q"], check=False)
    if ended.returncode == RUN_AGAIN:
        raise NotFinishedError(arguments[0])
    if ended.returncode != 0:
        raise AirflowFailException(f"posthog-bulk {arguments[0]} ended with exit code {ended.returncode}")


@dag(schedule=None, catchup=False, max_active_runs=1, tags=["posthog"])
def erase_leavers() -> None:
    """Erase the persons of an approved plan, and prove it."""

    @task(retries=48, retry_delay=timedelta(minutes=15))
    def run_plan() -> None:
        posthog_bulk("run", PLAN, "--journal", JOURNAL, "--approve", DIGEST)

    @task(retries=21, retry_delay=timedelta(days=1))
    def verify() -> None:
        posthog_bulk("verify", JOURNAL, "--plan", PLAN)

    run_plan() >> verify()


erase_leavers()
