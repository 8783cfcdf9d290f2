"""From bytes to a parsed request, and from a result to a response. Knows no persons."""
