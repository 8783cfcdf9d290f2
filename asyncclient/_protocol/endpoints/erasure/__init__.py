"""Requests about session recordings, and requests that delete events without a person."""
