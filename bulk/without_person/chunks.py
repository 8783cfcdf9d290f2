"""Divides distinct IDs into chunks, one data deletion request each, and derives the submission ID of each. Pure."""

import hashlib
import json
from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID, uuid5

from bulk.files.json_lines import encode_line

QUERY = "SELECT uuid FROM events WHERE distinct_id IN {ids}"
"""The query of every request; the IDs are only in its variables."""
MAX_BYTES = 100_000
"""The most bytes of a request's variables (contract 13)."""

_SUBMISSIONS = UUID("5d0c1d43-3f0c-5f6e-9b51-0b3f5f1e7a52")
_SEPARATOR = 2


def variables(ids: Sequence[str]) -> dict[str, Any]:
    """Return the variables of the query for these IDs."""
    return {"ids": list(ids)}


def in_chunks(ids: Iterable[str], *, max_bytes: int = MAX_BYTES) -> list[tuple[str, ...]]:
    """Return the IDs, each once and in order, in as few chunks as the size limit permits.

    The size is that of JSON in ASCII with blanks after separators, the longest way in which a server may measure it.

    Arguments:
        ids: distinct IDs, none of which is too long for a chunk of its own.
        max_bytes: the most bytes of the variables of one chunk.
    """
    empty = len(json.dumps(variables(())))
    chunks: list[tuple[str, ...]] = []
    chunk: list[str] = []
    size = empty
    for each in sorted(set(ids)):
        own = len(json.dumps(each)) + _SEPARATOR
        if chunk and size + own > max_bytes:
            chunks.append(tuple(chunk))
            chunk, size = [], empty
        chunk.append(each)
        size += own
    return [*chunks, tuple(chunk)] if chunk else chunks


def digest_of(chunks: Iterable[Sequence[str]]) -> str:
    """Return the digest by which the same distinct IDs are recognized, in whichever order they are given."""
    found = hashlib.sha256()
    for each in sorted(one for chunk in chunks for one in chunk):
        found.update(encode_line(each) + b"\n")
    return f"sha256:{found.hexdigest()}"


def submission_id(job: str, chunk: int) -> UUID:
    """Return the submission ID of a chunk, the same in every process that works on the job.

    Arguments:
        job: the random name of the job.
        chunk: the number of the chunk, counted from 1.
    """
    return uuid5(_SUBMISSIONS, f"{job}/{chunk}")
