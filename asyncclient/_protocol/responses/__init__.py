"""Responses: the value of a success, or the exception of a failure. Pure."""
