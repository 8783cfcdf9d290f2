"""Conditions on persons: checks of filters, fields and activity, queries, and the check for every person."""
