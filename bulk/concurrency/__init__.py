"""Stopping and parallel work."""
