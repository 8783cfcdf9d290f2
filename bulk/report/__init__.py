"""Evidence: what a journal says happened to each target."""
