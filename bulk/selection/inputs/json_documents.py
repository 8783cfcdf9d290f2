"""Recognizes JSON documents, which are not read as lines, and says how to make lines of them. Pure."""

import json

from bulk.errors import InputError

_KEYS = frozenset(
    {"results", "persons", "data", "uuid", "id", "distinct_id", "distinct_ids", "person_id", "properties"}
)
"""Keys of an object that is surely no distinct ID."""


def json_refusal(line: bytes, name: str, *, is_whole: bool) -> InputError | None:
    """Return the error for a file that begins with this line; None if the file is not a JSON document.

    Arguments:
        line: the first line that is not blank, or its beginning.
        name: of the file in the error.
        is_whole: whether the line is complete.
    """
    text = line.strip()
    if text[:1] == b"[" and (text[1:].lstrip()[:1] in (b"", b"{", b'"', b"[") or isinstance(_decoded(text), list)):
        return InputError(f"{name} is a JSON array: write one item per line, as jq -rc '.[]' does, and give that file")
    if text == b"{":
        return InputError(f"{name} is JSON over several lines: write one person per line, as jq -c . does")
    if text[:1] != b"{" or not is_whole:
        return None
    found = _decoded(text)
    if isinstance(found, dict) and not {"uuid", "distinct_ids"} <= found.keys() and not _KEYS.isdisjoint(found):
        return InputError(
            f"{name} is JSON, but its first line is not a person with uuid and distinct_ids, as `posthog-bulk persons` "
            "writes it: give one ID per line, as jq -r .distinct_id does for a key distinct_id"
        )
    return None


def _decoded(text: bytes) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
