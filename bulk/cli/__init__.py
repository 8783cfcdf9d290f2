"""The command line: parsing, asking, showing. The only place that prints, reads signals and ends the process."""
