"""One file per group of calls, as the properties of a client."""
