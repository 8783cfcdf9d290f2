"""The version of posthog-bulk, as journals and reports state it; `pyproject.toml` reads it from here.

Reading the metadata of the installed package would take a tenth of the start of each command.
"""

VERSION = "0.1.0"
