"""Handlers: one module per noun of the API, each with the effects and responses of its calls."""
