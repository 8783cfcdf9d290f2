"""The state of the local server, which keeps its tables consistent."""
