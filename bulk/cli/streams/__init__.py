"""The process's streams and output files: nothing that happens at their other end keeps the process from ending."""
