"""What the client and the server say to each other, as values and pure functions: no I/O and no waiting."""
