"""`posthog-bulk unset`: plan, confirm, run and verify in one go; the same command line resumes."""

from bulk.cli.plan_and_run import one_go

command = one_go("unset", "Remove the properties KEY... from the selected persons.")
