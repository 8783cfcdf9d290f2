"""The input check of a review."""

import re

CONFIRM_ONE = (
    "If no person should exist for this line, add --expect-unmatched 1 to the run: the line then counts as covered."
)
"""What the input check says of one line that matches no person."""


def input_check(out: str) -> list[str]:
    """The input check of a review: rows with single spaces between the cells, then sentences; times are NOW."""
    lines = out.partition("Input check\n")[2].splitlines()
    end = next((i for i, line in enumerate(lines) if not line.startswith("  ")), len(lines))
    found = [re.sub(" {2,}", " ", line.strip()) for line in lines[1:end] if not set(line) <= {"-", " "}]
    return [re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC", "NOW", line) for line in found]
