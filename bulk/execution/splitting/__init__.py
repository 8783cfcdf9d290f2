"""Splitting distinct IDs off one person."""
