"""The commands about the evidence of a job: its signature, and the destruction of what identifies persons."""
