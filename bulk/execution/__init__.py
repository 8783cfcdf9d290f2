"""Deciding the next step of each target, and sending its requests."""
