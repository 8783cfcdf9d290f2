"""Who ordered a job, why, and for which request: words of the operator that plan, journal and report hold. Pure."""

from typing import Any

import msgspec

from bulk.errors import InputError
from bulk.formatting import format_count
from bulk.requests.due_dates import parse_received
from bulk.sanitize import plain

TEXT_MAX = 500
"""Maximum characters of a text in the record of a job."""


class JobRecord(msgspec.Struct, frozen=True, kw_only=True):
    """Who ordered a job, why, and for which request.

    The texts are the operator's own words. The journal keeps them for good, so they should name no person to erase.

    Arguments:
        operator: who runs the job.
        reason: why it is run.
        approver: who approved it.
        reference: the reference of the request that the whole job answers.
        received: the day on which that request was received, ISO 8601.

    Raises:
        InputError: a text is blank, too long, or has a control character; or the day is not a date.
    """

    operator: str | None = None
    reason: str | None = None
    approver: str | None = None
    reference: str | None = None
    received: str | None = None

    def __post_init__(self) -> None:
        for name in ("operator", "reason", "approver", "reference"):
            check_text(getattr(self, name), name)
        if self.received is not None and parse_received(self.received) is None:
            raise InputError(f"received is {self.received!r}, which is not a date: write it as in 2026-11-29")

    @property
    def is_empty(self) -> bool:
        """Whether nothing is recorded."""
        return self == JobRecord()


def check_text(text: Any, name: str) -> None:
    """Check that a text of a record can be kept.

    Arguments:
        text: the text; None is accepted.
        name: what it is, for the error.

    Raises:
        InputError: it is blank, too long, or has a character that cannot be shown.
    """
    if text is None:
        return
    if not isinstance(text, str) or not text.strip():
        raise InputError(f"{name} is empty: give some text, or leave it out")
    if len(text) > TEXT_MAX:
        raise InputError(f"{name} has {format_count(len(text))} characters, which must be at most {TEXT_MAX}")
    if plain(text, limit=None) != text:
        raise InputError(f"{name} has a control character or another one that cannot be shown: write plain text")
