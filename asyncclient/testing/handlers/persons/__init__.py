"""Handlers of the persons calls (contract 6)."""
