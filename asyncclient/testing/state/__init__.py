"""The state of the local server: what keeps its tables in step."""
