"""What a command waits for, how fast it is, and how long the rest takes."""
