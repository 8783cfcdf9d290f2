"""Decides whether a response is the success that its call expects, and decodes it (contract 0, 4, 6, 8). Pure.

This is the only place that decides it. An unexpected response raises `InvalidResponse`: the request may or may not have
had an effect, and only reading back shows which.
"""

from typing import Any, Final, TypeVar

import msgspec

from asyncclient._protocol.http import Request, Response, Stream
from asyncclient._protocol.responses.decoding import invalid_response, sent_values, to_error
from asyncclient._protocol.responses.error_body import error_body
from asyncclient._protocol.responses.expectations import (
    NO_SUCH_PERSON,
    Csv,
    Probe,
    UnexpectedResponse,
    decode_body,
)
from asyncclient._protocol.responses.origin import find_intermediary
from asyncclient._secret import Secret
from asyncclient.errors import ApiStatusError, InvalidResponse, sanitize_text

T = TypeVar("T")

_NO_KEY_ACCESS: Final = "does not support personal api key access"
_NO_PERSON_ID: Final = "does not look like a personID"
_UNKNOWN_ROUTE: Final = frozenset({"Endpoint not found.", NO_SUCH_PERSON})
_SERVED_CODES: Final = frozenset({"permission_denied"})


def read(request: Request[T], response: Response, key: Secret) -> T:
    """Return the value in the response to a request.

    Raises:
        InvalidResponse: the status is 2xx, but the response does not match this call.
        ApiStatusError: the response is an error.
    """
    if not 200 <= response.status < 300:
        expects: Any = request.expects
        exists: Any = _route_exists(expects, request, response) if isinstance(expects, Probe) else None
        if exists is None:
            raise to_error(request, response, key)
        return exists  # type: ignore[no-any-return]
    try:
        return request.expects.read(response)
    except UnexpectedResponse as error:
        problem = error
    raise _error_for(request, response, problem, key)


def opened(request: Request[str], response: Response, key: Secret) -> Stream:
    """Return the unread body of a streamed response; the caller closes it.

    Raises:
        InvalidResponse: the status is 2xx, but the response is not CSV, or does not say where it ends.
        ApiStatusError: the response is an error.
    """
    if not 200 <= response.status < 300:
        raise to_error(request, response, key)
    stream = response.stream
    assert stream is not None, "a success comes as a stream"
    try:
        Csv().check_head(response)
        if "content-length" in response.headers or "chunked" in response.headers.get("transfer-encoding", ""):
            return stream
        problem = UnexpectedResponse("the response does not say where it ends, so a cut-off body would look complete")
    except UnexpectedResponse as error:
        problem = error
    stream.close()
    raise _error_for(request, response, problem, key)


def decode_part(request: Request[Any], response: Response, raw: msgspec.Raw, decoder: "msgspec.json.Decoder[T]") -> T:
    """Decode the model in a part of a body.

    Raises:
        InvalidResponse: the part does not fit the model.
    """
    try:
        return decode_body(decoder, raw)
    except UnexpectedResponse as error:
        problem = error.problem
    raise invalid_response(request, response, problem)


def is_served(request: Request[Any], response: Response) -> bool:
    """Return whether the response is from PostHog's API: as this call expects, or a 403 for the key's scopes."""
    if response.status == 403:
        return error_body(response.body).code in _SERVED_CODES
    if response.stream is not None:
        return False  # the body is not read yet
    try:
        request.expects.read(response)
    except UnexpectedResponse:
        return False
    return True


def _error_for(request: Request[Any], response: Response, problem: UnexpectedResponse, key: Secret) -> ApiStatusError:
    if problem.is_failure:
        return to_error(request, response, key)
    error: InvalidResponse = invalid_response(request, response, problem.problem)
    error.code = problem.code
    error.intermediary = find_intermediary(request, response, error_body(response.body), key)
    if request.to_ingestion:
        error.detail = f"{problem.problem}; check the ingestion host"
    elif problem.server_text is not None:
        server_text = sanitize_text(problem.server_text, key, sent_values(request))
        error.detail = f"{problem.problem}: {server_text}"
    return error


def _route_exists(probe: Probe, request: Request[Any], response: Response) -> bool | None:
    """Return whether an error shows that the server has the route; None if it does not show it (contract 8).

    The request is a GET on a route that accepts only POST, which the route refuses, or a call that changes nothing.
    """
    body = error_body(response.body)
    detail = body.detail if isinstance(body.detail, str) else ""
    is_refused_by_route = probe.proven_by is None
    if response.status == 405 and body.code == "method_not_allowed":
        # the server reads an unknown route as a person ID, and the route of a person accepts no POST
        return True if is_refused_by_route else False if request.method == "POST" else None
    if response.status == 403 and _NO_KEY_ACCESS in detail.lower():
        # the response for a method that this route, or the route of a person, does not accept
        return True if is_refused_by_route else False if request.method == "POST" else None
    if response.status == 400 and _NO_PERSON_ID in detail:
        return False
    if response.status == 404 and is_refused_by_route and detail == NO_SUCH_PERSON:
        return None  # not an unknown route, which is no valid person's id (400): this response is about a person
    return False if response.status == 404 and detail in _UNKNOWN_ROUTE else None
