"""The jobs of a folder: which plan belongs to which journal, how far each job is, and which one a command resumes."""
