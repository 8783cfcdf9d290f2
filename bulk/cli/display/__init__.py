"""What a command shows: progress, the review of a plan, costs."""
