"""The formats of input files: what a file is, how its bytes become lines, and which lines can be used. Pure."""
