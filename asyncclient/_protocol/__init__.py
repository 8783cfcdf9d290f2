"""PostHog's protocol as values and pure functions, without I/O and waiting."""
