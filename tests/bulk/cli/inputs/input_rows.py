"""What the tables of input files share: an ID, options, and rows of an export."""

import json

PERSON = "018f5a3e-1111-7222-8333-444455556666"
IDS = ("--distinct-ids", "in")


def exported(*numbers: int) -> bytes:
    rows = (
        {"uuid": PERSON, "created_at": "2026-01-01T00:00:00Z", "distinct_ids": [f"user-{n}"], "properties": {}}
        for n in numbers
    )
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)
