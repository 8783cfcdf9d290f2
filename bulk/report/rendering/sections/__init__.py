"""The sections of a report, one module for each, made from the report alone. Pure."""
