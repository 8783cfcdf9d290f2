"""`posthog-bulk delete-events`: plan, confirm, run and verify in one go; the same command line resumes."""

from bulk.cli.plan_and_run import operation_command

command = operation_command("delete-events", "Delete the events of the selected persons, up to now; the persons stay.")
