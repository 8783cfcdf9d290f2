"""The process's streams and output files. A reader or writer at the other end never keeps the process from ending."""
