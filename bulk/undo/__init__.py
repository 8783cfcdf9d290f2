"""Before-images: what persons had directly before a job changed them, and the plan that brings it back."""
