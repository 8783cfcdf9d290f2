"""The response of the ingestion host to a batch of events (contract 12). Pure.

The form of a success varies: `{"status": 1}`, `{"status": "Ok"}`, a plain `1`, or the resources whose quota is used up
without a status. Any other response does not come from the ingestion host, whatever its HTTP status.
"""

import re
from typing import Any, Final

import msgspec

from asyncclient._protocol.responses.expectations import Json, UnexpectedResponse, decode_body

_EVENTS: Final = "events"
_WORD: Final = re.compile(r"[a-z_]{1,40}")
_SAYS_YES: Final = frozenset({"1", "Ok", "ok", "OK"})


class CaptureObject(msgspec.Struct, frozen=True):
    """The JSON object that most servers send.

    Arguments:
        status: 1 or "Ok" for a success.
        quota_limited: resources whose quota is used up; data for them is not stored.
    """

    status: int | str | None = None
    quota_limited: Any = None


CaptureBody = CaptureObject | int | str


def exhausted_quota(body: CaptureBody) -> str | None:
    """Return the resources whose quota is used up, so that the events are not stored; None if they are stored.

    Only the quota of events matters. If the response does not name its resources, events may be among them.
    """
    limited = body.quota_limited if isinstance(body, CaptureObject) else None
    if not limited:
        return None
    resources = limited if isinstance(limited, list) else []
    named = [each for each in resources if isinstance(each, str) and _WORD.fullmatch(each)]
    if resources and len(named) == len(resources) and _EVENTS not in named:
        return None
    return ", ".join(named[:5]) or "not named by the server"


def _objection(body: bytes) -> UnexpectedResponse | None:
    found = decode_body(_BODY, body)
    if isinstance(found, CaptureObject):
        names_quota = found.status is None and found.quota_limited is not None
        status = found.status
    else:
        names_quota, status = False, found
    if names_quota or str(status) in _SAYS_YES:
        return None
    return UnexpectedResponse("the ingestion host does not confirm that it accepted the events")


_BODY: "Final[msgspec.json.Decoder[CaptureBody]]" = msgspec.json.Decoder(CaptureBody)
CAPTURE_ACCEPTED: "Final[Json[CaptureBody]]" = Json(decoder=_BODY, objection=_objection)
