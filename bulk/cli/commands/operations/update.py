"""`posthog-bulk update`: plan, confirm, run and verify in one go; the same command line resumes."""

from bulk.cli.plan_and_run import one_go

command = one_go("update", "Set properties of the selected persons: KEY=TEXT sets a text, KEY:=JSON anything else.")
