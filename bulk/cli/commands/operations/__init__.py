"""The plan-and-run commands: one file per operation."""
