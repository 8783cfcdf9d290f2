"""Deletion of the events of distinct IDs that have no person: plan, submissions, verification, report (contract 13)."""
