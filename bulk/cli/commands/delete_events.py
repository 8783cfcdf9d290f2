"""`posthog-bulk delete-events`: plan, confirm, run and verify in one go; the same command line resumes."""

from bulk.cli.one_go import one_go

command = one_go("delete-events", "Delete the events of the selected persons, up to now; the persons stay.")
