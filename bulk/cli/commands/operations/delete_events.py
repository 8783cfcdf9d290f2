"""`posthog-bulk delete-events`: plan, confirm, run and verify in one go; the same command line resumes."""

from bulk.cli.plan_and_run import one_go

command = one_go("delete-events", "Delete the events of the selected persons, up to now; the persons stay.")
