"""Persons as JSON lines and as CSV."""
