"""`posthog-bulk delete-recordings`: plan, confirm, run and verify in one go; the same command line resumes."""

from bulk.cli.plan_and_run import operation_command

command = operation_command("delete-recordings", "Delete the recordings of the selected persons; the persons stay.")
