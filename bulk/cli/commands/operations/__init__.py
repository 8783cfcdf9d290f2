"""The commands that plan, confirm, run and verify in one go: one file per operation."""
