"""Running work in parallel, and stopping it in good order."""
