"""What can be said of PostHog's protocol without sending anything: pure modules, values in and values out."""
