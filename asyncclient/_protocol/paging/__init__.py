"""Paging through listings and logs, as state machines fed with pages. Pure."""
