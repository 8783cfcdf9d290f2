"""`posthog-bulk unset`: plan, ask for approval, run and verify; the same command line resumes."""

from bulk.cli.plan_and_run import operation_command

command = operation_command("unset", "Remove the properties KEY... from the selected persons.")
