"""Decides for every answer whether it is the one that its call expects, and what it says (contract 0, 4, 6, 8). Pure.

The only place that does. An answer that the request does not expect is `InvalidResponse`: whether the server did
anything is not known then, and only a read shows it.
"""

from typing import Any, Final, TypeVar

import msgspec

from asyncclient._protocol.http import Request, Response, Stream
from asyncclient._protocol.responses.decoding import invalid, sent_values, to_error
from asyncclient._protocol.responses.error_body import error_body
from asyncclient._protocol.responses.expectations import NO_SUCH_PERSON, Csv, Probe, Unexpected, decoded
from asyncclient._secret import Secret
from asyncclient.errors import ApiStatusError, InvalidResponse, neutralised

T = TypeVar("T")

_NO_KEY_ACCESS: Final = "does not support personal api key access"
_NO_PERSON_ID: Final = "does not look like a personID"
_UNKNOWN_ROUTE: Final = frozenset({"Endpoint not found.", NO_SUCH_PERSON})
_SERVED_CODES: Final = frozenset({"permission_denied"})


def read(request: Request[T], response: Response, key: Secret) -> T:
    """The value in the answer to a request.

    Raises:
        InvalidResponse: it is a success, but not the one of this call.
        ApiStatusError: it is not a success.
    """
    if not 200 <= response.status < 300:
        expects: Any = request.expects
        known: Any = _known(expects, request, response) if isinstance(expects, Probe) else None
        if known is None:
            raise to_error(request, response, key)
        return known  # type: ignore[no-any-return]
    try:
        return request.expects.read(response)
    except Unexpected as error:
        problem = error
    raise _refused(request, response, problem, key)


def opened(request: Request[str], response: Response, key: Secret) -> Stream:
    """The unread body of an answer that comes as a stream; the caller closes it.

    Raises:
        InvalidResponse: it is a success, but not CSV, or does not say where it ends.
        ApiStatusError: it is not a success.
    """
    if not 200 <= response.status < 300:
        raise to_error(request, response, key)
    stream = response.stream
    assert stream is not None, "a success comes as a stream"
    try:
        Csv().check_head(response)
        if "content-length" in response.headers or "chunked" in response.headers.get("transfer-encoding", ""):
            return stream
        problem = Unexpected("the answer does not tell where it ends, so that a part could pass for the whole")
    except Unexpected as error:
        problem = error
    stream.close()
    raise _refused(request, response, problem, key)


def part(request: Request[Any], response: Response, raw: msgspec.Raw, decoder: "msgspec.json.Decoder[T]") -> T:
    """The model in a part of a body.

    Raises:
        InvalidResponse: it is something else.
    """
    try:
        return decoded(decoder, raw)
    except Unexpected as error:
        problem = error.problem
    raise invalid(request, response, problem)


def is_served(request: Request[Any], response: Response) -> bool:
    """Whether PostHog's API answered: as this call expects, or with a refusal of the key's scopes."""
    if response.status == 403:
        return error_body(response.body).code in _SERVED_CODES
    if response.stream is not None:
        return False  # nothing of it is read yet
    try:
        request.expects.read(response)
    except Unexpected:
        return False
    return True


def _refused(request: Request[Any], response: Response, problem: Unexpected, key: Secret) -> ApiStatusError:
    if problem.is_failure:
        return to_error(request, response, key)
    error: InvalidResponse = invalid(request, response, problem.problem)
    error.code = problem.code
    if request.to_ingestion:
        error.detail = f"{problem.problem}; check the ingestion host"
    elif problem.told is not None:
        told = neutralised(problem.told, key, sent_values(request))
        error.detail = f"{problem.problem}: {told}"
    return error


def _known(probe: Probe, request: Request[Any], response: Response) -> bool | None:
    """Whether an error says that the server knows the route; None when it does not tell (contract 8).

    The request is a GET on a route that takes only POST, which the route refuses, or a call that changes nothing.
    """
    body = error_body(response.body)
    detail = body.detail if isinstance(body.detail, str) else ""
    is_refused_by_route = probe.shown_by is None
    if response.status == 405 and body.code == "method_not_allowed":
        # the server reads an unknown route as a person's id, and that route takes no POST
        return True if is_refused_by_route else False if request.method == "POST" else None
    if response.status == 403 and _NO_KEY_ACCESS in detail.lower():
        # the answer for a method that this route, or the route of a person, does not take
        return True if is_refused_by_route else False if request.method == "POST" else None
    if response.status == 400 and _NO_PERSON_ID in detail:
        return False
    if response.status == 404 and is_refused_by_route and detail == NO_SUCH_PERSON:
        return None  # not an unknown route, which is no valid person's id (400): this answer is about a person
    return False if response.status == 404 and detail in _UNKNOWN_ROUTE else None
