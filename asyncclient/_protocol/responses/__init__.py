"""What a response means: the result of a success, or the exception of a failure. Pure."""
