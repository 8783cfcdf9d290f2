"""The journal: an append-only file of what happened to a job, with a checksum per line, and its replay.

FORMAT.md describes the file for readers outside this project.
"""
