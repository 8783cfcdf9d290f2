"""The plan: a file that lists the persons an operation will affect."""
