"""Rows of values: a file in which each row has the ID of a person and the properties that this person gets."""
