"""The journal: what happened, append-only, checked line by line; FORMAT.md describes it for people.

Knows nothing of plans, requests or reports.
"""
