"""Filters, operators and HogQL, evaluated over the tables."""
