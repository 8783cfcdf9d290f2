"""`posthog-bulk delete-recordings`: plan, ask for approval, run and verify; the same command line resumes."""

from bulk.cli.plan_and_run import operation_command

command = operation_command("delete-recordings", "Delete the recordings of the selected persons, and keep the persons.")
