"""Answers as faults leave them: other statuses, other bodies (see faults.py).

Pure: a fault and the true answer in, the answer that is sent out.
"""

import gzip

import msgspec

from asyncclient.testing.faults import Fault
from asyncclient.testing.http import envelope
from asyncclient.testing.http.envelope import Response

_DEPTH = 100_000
_NOT_JSON = b'\x00\xff{"results": [\xfe<not json>'
_PAGES = {
    "login": (
        b"<!DOCTYPE html><html><head><title>Sign in</title></head><body><form></form></body></html>",
        envelope.HTML,
    ),
    "app": (
        b'<!doctype html><html><body><div id="root"></div><script src="/app.js"></script></body></html>',
        envelope.HTML,
    ),
    "json": (b'{"detail": "session expired"}', envelope.JSON),
    "text": (b"OK\n", "text/plain"),
    "empty": (b"", envelope.JSON),
}
_PHRASES = {
    500: "Internal Server Error",
    502: "Bad Gateway",
    503: "Service Unavailable",
    504: "Gateway Time-out",
}


def spoiled(fault: Fault, answer: Response) -> Response:
    """What is sent instead of this answer; the answer itself where the fault leaves the bytes alone."""
    match fault.kind:
        case "status":
            return _status(fault)
        case "page":
            return _page(fault)
        case "garbage":
            return msgspec.structs.replace(answer, body=_NOT_JSON, blocks=None)
        case "deep_json":
            return msgspec.structs.replace(answer, body=b"[" * _DEPTH + b"]" * _DEPTH, blocks=None)
        case "big_body":
            return _big(fault, answer)
        case "cut_body":
            # There must be something to cut.
            if answer.blocks is not None:
                return answer
            body = answer.body or b'{"persons_found": 0, "persons_deleted": 0}'
            return msgspec.structs.replace(answer, body=body)
        case _:
            return answer


def _status(fault: Fault) -> Response:
    headers = () if fault.retry_after is None else (("Retry-After", fault.retry_after),)
    match fault.body:
        case "html":
            phrase = _PHRASES.get(fault.status, "Error")
            title = f"{fault.status} {phrase}"
            page = f"<html><head><title>{title}</title></head><body><h1>{title}</h1></body></html>"
            return Response(fault.status, page.encode(), envelope.HTML, headers)
        case "empty":
            return Response(fault.status, headers=headers)
        case _:
            plain = _in_json(fault.status)
            return msgspec.structs.replace(plain, headers=headers)


def _page(fault: Fault) -> Response:
    """What a login page, a web app's catch-all route or a proxy answers in PostHog's place."""
    body, content_type = _PAGES[fault.page]
    return Response(fault.page_status, body, content_type) if body else Response(fault.page_status)


def _in_json(status: int) -> Response:
    match status:
        case 400:
            return envelope.invalid("Invalid input.").answer
        case 401:
            return envelope.authentication_failed("Authorization header").answer
        case 403:
            return envelope.permission_denied("You do not have permission to perform this action.").answer
        case 404:
            return envelope.not_found().answer
        case 409:
            return envelope.error(409, "server_error", "conflict", "Conflict.")
        case 429:
            return envelope.throttled(None, header=None).answer
        case _:
            return envelope.server_error(status).answer


def _big(fault: Fault, answer: Response) -> Response:
    text = b'{"results": [], "padding": "' + b"a" * max(0, fault.size - 30) + b'"}'
    return msgspec.structs.replace(
        answer,
        body=gzip.compress(text, compresslevel=1, mtime=0),
        blocks=None,
        headers=(*answer.headers, ("Content-Encoding", "gzip")),
    )
