"""Removing properties by REST: how many calls a person takes, what is hidden, and the tests that show both."""
