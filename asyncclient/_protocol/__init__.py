"""What PostHog's protocol means, without any I/O."""
