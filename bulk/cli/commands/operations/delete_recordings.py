"""`posthog-bulk delete-recordings`: plan, confirm, run and verify in one go; the same command line resumes."""

from bulk.cli.plan_and_run import one_go

command = one_go("delete-recordings", "Delete the recordings of the selected persons; the persons stay.")
