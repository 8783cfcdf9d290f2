"""The ingestion host's answer to a batch of events (contract 12). Pure.

The form of a success varies: `{"status": 1}`, `{"status": "Ok"}`, a plain `1`, or the resources whose quota is used up
without a status. Any other answer does not come from the ingestion host, whatever its HTTP status.
"""

import re
from typing import Any, Final

import msgspec

from asyncclient._protocol.responses.expectations import Json, Unexpected, decoded

_EVENTS: Final = "events"
_WORD: Final = re.compile(r"[a-z_]{1,40}")
_SAYS_YES: Final = frozenset({"1", "Ok", "ok", "OK"})


class CaptureObject(msgspec.Struct, frozen=True):
    """The JSON object that most servers answer with.

    Arguments:
        quota_limited: the resources whose quota is used up; what was sent for them is not stored.
    """

    status: int | str | None = None
    quota_limited: Any = None


CaptureAnswer = CaptureObject | int | str


def refused_quota(answer: CaptureAnswer) -> str | None:
    """The resources whose used-up quota keeps the events from being stored; None where they are stored.

    Only the quota of events matters. If the answer does not name its resources, events may be among them.
    """
    limited = answer.quota_limited if isinstance(answer, CaptureObject) else None
    if not limited:
        return None
    told = limited if isinstance(limited, list) else []
    named = [each for each in told if isinstance(each, str) and _WORD.fullmatch(each)]
    if told and len(named) == len(told) and _EVENTS not in named:
        return None
    return ", ".join(named[:5]) or "of what is not named"


def _objection(body: bytes) -> Unexpected | None:
    answer = decoded(_ANSWER, body)
    if isinstance(answer, CaptureObject):
        speaks_of_quota = answer.status is None and answer.quota_limited is not None
        status = answer.status
    else:
        speaks_of_quota, status = False, answer
    if speaks_of_quota or str(status) in _SAYS_YES:
        return None
    return Unexpected("the ingestion host does not say that it took the events")


_ANSWER: "Final[msgspec.json.Decoder[CaptureAnswer]]" = msgspec.json.Decoder(CaptureAnswer)
TAKEN: "Final[Json[CaptureAnswer]]" = Json(decoder=_ANSWER, objection=_objection)
