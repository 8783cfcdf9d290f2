"""Reports: what a job's journal proves about each target."""
