"""Standard streams and output files; a slow or blocked reader never keeps the process from ending."""
