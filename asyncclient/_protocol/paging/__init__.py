"""Pagers: state machines that take one page and name the next request. Pure."""
