"""Choosing targets: ID files, filters and queries resolved to persons."""
