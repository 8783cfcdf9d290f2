"""The tables of the local server, as plain data structures."""
