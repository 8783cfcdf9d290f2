"""How input lines are looked up: what is asked of the server, and which of its persons a line matches."""
