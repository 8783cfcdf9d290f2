"""The tables of the local server, each a plain data structure."""
