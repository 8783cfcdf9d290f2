"""The commands that change one person."""
