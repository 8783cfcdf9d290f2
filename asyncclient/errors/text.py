"""Makes text from a server or a caller fit for a message: short, without keys, persons and control characters. Pure."""

import re
import unicodedata
from collections.abc import Sequence

from asyncclient._secret import Secret

MAX_DETAIL = 200
MAX_SCANNED = 2000
MAX_SHOWN = 60
_KEY = re.compile(r"ph[a-z]_")
_HIDDEN_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
_EMAIL = re.compile(r"[^\s@'\"<>]+@[^\s@'\"<>]+")
_UUID = re.compile(r"[0-9a-fA-F]{8}-?(?:[0-9a-fA-F]{4}-?){3}[0-9a-fA-F]{12}")


def shown(value: object, max_length: int = MAX_SHOWN) -> str:
    """Return a bad argument as a message can show it: short, in ASCII, and hidden if it looks like a key."""
    try:
        text = ascii(value)
    except ValueError:  # Python refuses to print a number of thousands of digits
        text = f"a {type(value).__name__} too long to show"
    if _KEY.search(text):
        return "that looks like a key (not shown)"
    return text if len(text) <= max_length else text[: max_length - 3] + "..."


def sanitize_text(text: str, key: Secret, hidden: Sequence[str] = ()) -> str:
    """Return a server's text as a message can show it: short, without control characters, IDs of persons and the key.

    Arguments:
        text: what the server sent.
        key: the secret to remove.
        hidden: IDs and values of persons that the request contained, the longest first.

    Returns:
        At most 200 characters.
    """
    shown = key.redact(text)
    for value in hidden:
        if value and value in shown:
            shown = re.sub(rf"(?<!\w){re.escape(value)}(?!\w)", "<id>", shown)
    shown = _UUID.sub("<id>", _EMAIL.sub("<email>", shown[:MAX_SCANNED]))
    shown = "".join(" " if unicodedata.category(c) in _HIDDEN_CATEGORIES else c for c in shown)
    return shown if len(shown) <= MAX_DETAIL else shown[: MAX_DETAIL - 1] + "…"
