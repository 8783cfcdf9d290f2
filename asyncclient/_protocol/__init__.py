"""PostHog's protocol as values and pure functions: no I/O and no waiting."""
