"""`posthog-bulk delete-events`: plan, ask for approval, run and verify; the same command line resumes."""

from bulk.cli.plan_and_run import operation_command

command = operation_command(
    "delete-events", "Delete the events that the selected persons have so far, and keep the persons."
)
