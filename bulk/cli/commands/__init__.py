"""One file per command; a command is imported when it is called, and imports what it needs when it runs."""
