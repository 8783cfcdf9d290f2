"""Removing properties by REST: how many calls a person takes, and the test that shows it."""
