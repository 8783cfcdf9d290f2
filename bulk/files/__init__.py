"""Private files on disk: JSON lines, and sets of IDs too large for memory."""
