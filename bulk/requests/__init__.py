"""Requests of persons to be erased: who ordered a job, until when it is due, and the receipts that outlive the plan."""
