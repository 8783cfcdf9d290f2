"""Everything the engine asks PostHog, and what the responses mean."""
