"""`posthog-bulk delete`: plan, ask for approval, run and verify; the same command line resumes."""

from bulk.cli.plan_and_run import operation_command

command = operation_command("delete", "Delete the selected persons.")
