"""Changes responses as faults require: other statuses, other bodies (see faults.py). Pure."""

import gzip

import msgspec

from asyncclient.testing.faults import Fault
from asyncclient.testing.http import envelope
from asyncclient.testing.http.envelope import Response
from asyncclient.testing.http.intermediaries import RESPONSES

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


def apply_fault(fault: Fault, response: Response) -> Response:
    """Return the response to send instead; the same response if the fault does not change it."""
    match fault.kind:
        case "status":
            return _status(fault)
        case "page":
            return _page(fault)
        case "intermediary":
            return RESPONSES[fault.sender]
        case "garbage":
            return msgspec.structs.replace(response, body=_NOT_JSON, blocks=None)
        case "deep_json":
            return msgspec.structs.replace(response, body=b"[" * _DEPTH + b"]" * _DEPTH, blocks=None)
        case "big_body":
            return _big(fault, response)
        case "cut_body":
            # An empty body cannot be cut.
            if response.blocks is not None:
                return response
            body = response.body or b'{"persons_found": 0, "persons_deleted": 0}'
            return msgspec.structs.replace(response, body=body)
        case _:
            return response


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
    """Return the response of a login page, a web app's catch-all route or a proxy in place of PostHog."""
    body, content_type = _PAGES[fault.page]
    return Response(fault.page_status, body, content_type) if body else Response(fault.page_status)


def _in_json(status: int) -> Response:
    match status:
        case 400:
            return envelope.invalid("Invalid input.").response
        case 401:
            return envelope.authentication_failed("Authorization header").response
        case 403:
            return envelope.permission_denied("You do not have permission to perform this action.").response
        case 404:
            return envelope.not_found().response
        case 409:
            return envelope.error(409, "server_error", "conflict", "Conflict.")
        case 429:
            return envelope.throttled(None, header=None).response
        case _:
            return envelope.server_error(status).response


def _big(fault: Fault, response: Response) -> Response:
    text = b'{"results": [], "padding": "' + b"a" * max(0, fault.size - 30) + b'"}'
    return msgspec.structs.replace(
        response,
        body=gzip.compress(text, compresslevel=1, mtime=0),
        blocks=None,
        headers=(*response.headers, ("Content-Encoding", "gzip")),
    )
