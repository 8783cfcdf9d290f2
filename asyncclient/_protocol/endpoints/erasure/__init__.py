"""Requests about what persons leave behind: recordings, and events without a person."""
