"""What the client and the server say to each other, as values and pure functions. Sends nothing, waits for nothing."""
