"""The persons API (contract 6), one file per kind of call."""
