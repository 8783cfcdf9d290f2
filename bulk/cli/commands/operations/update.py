"""`posthog-bulk update`: plan, ask for approval, run and verify; the same command line resumes."""

from bulk.cli.plan_and_run import operation_command

command = operation_command(
    "update",
    "Set properties of the selected persons: KEY=TEXT for strings, KEY:=JSON for numbers, booleans and lists; or with "
    "--values, set for each person the values of its own row.",
)
