"""Running work in parallel, stopping it in good order, and waiting out outages."""
