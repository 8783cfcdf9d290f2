"""`posthog-bulk unset`: plan, confirm, run and verify in one go; the same command line resumes."""

from bulk.cli.one_go import one_go

command = one_go("unset", "Remove the properties KEY... from the selected persons.")
