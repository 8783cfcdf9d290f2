"""Expectations: the success that a request expects, as a value on the request. Pure.

Documentation and servers differ in the 2xx status of a change (contract 0, 6.4), so changes accept several. A read
accepts 200 only, because any other 2xx means that the result is elsewhere or not ready. Any other response raises
`UnexpectedResponse`.
"""

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, Final, Generic, TypeVar

import msgspec

from asyncclient._protocol.csv_rows import BrokenCsv, CsvRowSplitter
from asyncclient._protocol.http import Response
from asyncclient._protocol.responses.error_body import error_text

T = TypeVar("T")

EMPTY_BODY: Final = "empty_body"
"""The code of an `InvalidResponse` whose body is empty although the call returns one."""

READ: Final = frozenset({200})
CHANGED: Final = frozenset({200, 201, 202, 204})

_HTML: Final = frozenset({"text/html", "application/xhtml+xml"})
_JSON: Final = re.compile(r"(application|text)/([\w.-]+\+)?json")
_CSV: Final = "text/csv"
NO_SUCH_PERSON: Final = "Not found."
"""The detail of a 404 that is about a person and not about a route (contract 6.2)."""
_IS_HTML: Final = "the response is an HTML page, not a response of PostHog's API"


class UnexpectedResponse(Exception):
    """The response is not the expected success of its call.

    Arguments:
        problem: what is wrong with it, in our own words.
        server_text: what the server says about it; free text, to be sanitized before it is shown.
        code: an identifier for programs; None if there is none.
        is_failure: whether the response belongs to this call and reports that the call failed.
    """

    def __init__(
        self, problem: str, server_text: object = None, *, code: str | None = None, is_failure: bool = False
    ) -> None:
        super().__init__(problem)
        self.problem = problem
        self.server_text = server_text if isinstance(server_text, str) else None
        self.code = code
        self.is_failure = is_failure


class EmptyBody(msgspec.Struct, frozen=True):
    """A success without a body.

    Arguments:
        or_json: the body that some servers send; None if there must be none.
    """

    or_json: "Json[Any] | None" = None

    def read(self, response: Response) -> None:
        """Check that the response is a success without a body, or with the allowed one.

        Raises:
            UnexpectedResponse: it is not.
        """
        if response.status in CHANGED and not response.body:  # as nearly every success
            if content_type(response.headers) in _HTML:
                raise UnexpectedResponse(_IS_HTML)
            return
        check_status(response, CHANGED)
        check_not_html(response)
        if is_blank(response):
            return
        if self.or_json is None:
            raise UnexpectedResponse(
                f"there is a body ({len(response.body)} bytes) although this call has none", error_text(response.body)
            )
        self.or_json.read(response)


class Json(msgspec.Struct, Generic[T], frozen=True, kw_only=True):
    """A JSON body.

    Arguments:
        decoder: decoder of the model.
        required: decoder of the fields that must be present although the model has defaults for them; None for none.
        statuses: HTTP statuses of a success.
        blank: creates the model for an empty body, if the documentation promises no body; None if an empty body is
            unexpected.
        objection: finds what is wrong in a body that fits the model; None to accept every such body.
    """

    decoder: "msgspec.json.Decoder[T]"
    required: "msgspec.json.Decoder[dict[str, Any]] | None" = None
    statuses: frozenset[int] = READ
    blank: Callable[[], T] | None = None
    objection: Callable[[bytes], UnexpectedResponse | None] | None = None

    def read(self, response: Response) -> T:
        """Return the model in the body.

        Raises:
            UnexpectedResponse: the response is not a success of this call.
        """
        self.check_head(response)
        if is_blank(response):
            assert self.blank is not None, "checked with the head"
            return self.blank()
        if self.objection is not None and (objection := self.objection(response.body)) is not None:
            raise objection
        if self.required is not None:
            decode_body(self.required, response.body)
        return decode_body(self.decoder, response.body)

    def check_head(self, response: Response) -> None:
        """Check everything but the body's JSON.

        Raises:
            UnexpectedResponse: the status, the content type or an empty body is not that of a success.
        """
        check_status(response, self.statuses)
        check_not_html(response)
        if is_blank(response):
            if self.blank is None:
                raise UnexpectedResponse("the body is empty", code=EMPTY_BODY)
            return
        kind = content_type(response.headers)
        if kind and not _JSON.fullmatch(kind):
            raise UnexpectedResponse(f"the response is {safe_content_type(kind)}, not JSON")


class Csv(msgspec.Struct, frozen=True):
    """Comma-separated values; the body is empty if there is no row (contract 6.1)."""

    def read(self, response: Response) -> str:
        """Return the text.

        Raises:
            UnexpectedResponse: the response is not CSV, or was cut off.
        """
        self.check_head(response)
        if is_blank(response):
            return ""
        self.check_start(response, response.body)
        try:
            rows = CsvRowSplitter()
            rows.feed(response.body)
            rows.end()
            return response.body.decode()
        except BrokenCsv as error:
            problem = f"the CSV is broken: {error}"
        except UnicodeDecodeError:
            problem = f"the body ({len(response.body)} bytes) is not UTF-8"
        raise UnexpectedResponse(problem)

    def check_head(self, response: Response) -> None:
        """Check status and content type of CSV, whatever the body.

        Raises:
            UnexpectedResponse: they are not those of CSV.
        """
        check_status(response, READ)
        check_not_html(response)
        kind = content_type(response.headers)
        if kind not in ("", _CSV):
            raise UnexpectedResponse(f"the response is {safe_content_type(kind)}, not CSV")

    def check_start(self, response: Response, first: bytes) -> None:
        """Check that a body may be CSV by its first bytes.

        Arguments:
            response: the response.
            first: the first bytes of the body.

        Raises:
            UnexpectedResponse: the body is HTML or JSON.
        """
        start = first.lstrip()[:1]
        if start == b"<":
            raise UnexpectedResponse(_IS_HTML)
        if start in (b"{", b"["):
            raise UnexpectedResponse("the body is JSON, not CSV", error_text(response.body))


class NoPerson(msgspec.Struct, frozen=True):
    """The 404 for a person that does not exist, which shows that the persons API serves this path (contract 6.2)."""

    def read(self, response: Response) -> None:
        """Check that the response is this refusal.

        Raises:
            UnexpectedResponse: it is another response.
        """
        check_not_html(response)
        if response.status != 404 or error_text(response.body) != NO_SUCH_PERSON:
            raise UnexpectedResponse(
                f'{response.status} instead of 404 "Not found." for a person that does not exist',
                error_text(response.body),
            )


class Probe(msgspec.Struct, frozen=True, kw_only=True):
    """A response that shows whether the server has a route (contract 8).

    Arguments:
        proven_by: the success that proves it; None if the route refuses the request.
    """

    proven_by: "Json[Any] | None" = None

    def read(self, response: Response) -> bool:
        """Return True for the success that proves the route.

        Raises:
            UnexpectedResponse: the response does not prove it.
        """
        if self.proven_by is None:
            raise UnexpectedResponse("the server does not refuse a request that this route refuses")
        self.proven_by.read(response)
        return True


def json_model(
    model: "type[T]",
    *,
    required: tuple[str, ...] = (),
    statuses: frozenset[int] = READ,
    blank: Callable[[], T] | None = None,
    objection: Callable[[bytes], UnexpectedResponse | None] | None = None,
) -> "Json[T]":
    """Return the expectation of a model in JSON.

    Arguments:
        model: the type that the body is decoded into.
        required: fields that must be present although the model has defaults for them.
        statuses, blank, objection: as in `Json`.
    """
    fields: Any = None
    if required:
        fields = msgspec.json.Decoder(msgspec.defstruct("Required", [(name, _Present) for name in required]))
    return Json(
        decoder=msgspec.json.Decoder(model), required=fields, statuses=statuses, blank=blank, objection=objection
    )


_Present = bool | int | float | str | list[msgspec.Raw] | dict[str, msgspec.Raw]
"""Any value except null."""


def decode_body(decoder: "msgspec.json.Decoder[T]", body: bytes | msgspec.Raw) -> T:
    """Decode the model in a body, or in a part of one.

    Raises:
        UnexpectedResponse: the body does not fit the model.
    """
    try:
        return decoder.decode(body)
    except RecursionError:
        problem, server_text = "is nested too deep", None
    except msgspec.ValidationError:
        problem, server_text = "is not what this call returns", error_text(bytes(body))
    except (msgspec.MsgspecError, ValueError):
        problem, server_text = "is not JSON", None
    raise UnexpectedResponse(f"the body ({len(bytes(body))} bytes) {problem}", server_text)


def check_status(response: Response, statuses: frozenset[int]) -> None:
    """Check that the status is one of these.

    Raises:
        UnexpectedResponse: it is another one.
    """
    if response.status not in statuses:
        server_text = error_text(response.body)
        raise UnexpectedResponse(f"{response.status} is not a success of this call", server_text)


def check_not_html(response: Response) -> None:
    """Check that the body is not HTML, such as a login form, a web application or the error page of a proxy.

    Raises:
        UnexpectedResponse: it is HTML.
    """
    if is_html(response):
        raise UnexpectedResponse(_IS_HTML)


def is_html(response: Response) -> bool:
    """Return whether the body is HTML, or is declared to be."""
    return _media_type(response.headers.get("content-type", "")) in _HTML or response.body.lstrip()[:1] == b"<"


def is_blank(response: Response) -> bool:
    """Return whether the body is empty or white space."""
    return not response.body or response.body.isspace()


def content_type(headers: Mapping[str, str]) -> str:
    """Return the content type in lower case without parameters; empty if the response has none."""
    return _media_type(headers.get("content-type", ""))


@lru_cache(maxsize=32)
def _media_type(header: str) -> str:
    """Return the media type in a content type; a server sends the same few for all responses."""
    return header.partition(";")[0].strip().lower()


def safe_content_type(kind: str) -> str:
    """Return a content type as a message can show it."""
    return kind if re.fullmatch(r"[\w.+-]{1,40}/[\w.+-]{1,40}", kind, re.ASCII) else "of an unknown type"
