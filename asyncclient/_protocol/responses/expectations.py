"""The success that a request expects, as a value on the request. Pure.

Documentation and servers differ in the 2xx status of a change (contract 0, 6.4), so changes accept several. A read
accepts 200 only: any other 2xx says that the answer is elsewhere or not ready. Any other answer is `Unexpected`.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, Final, Generic, TypeVar

import msgspec

from asyncclient._protocol.csv_rows import BrokenCsv, CsvRows
from asyncclient._protocol.http import Response
from asyncclient._protocol.responses.error_body import error_text

T = TypeVar("T")

EMPTY_BODY: Final = "empty_body"
"""The code of an `InvalidResponse` whose body is empty although the call answers with one."""

READ: Final = frozenset({200})
CHANGED: Final = frozenset({200, 201, 202, 204})

_HTML: Final = frozenset({"text/html", "application/xhtml+xml"})
_JSON: Final = re.compile(r"(application|text)/([\w.-]+\+)?json")
_CSV: Final = "text/csv"
NO_SUCH_PERSON: Final = "Not found."
"""What a 404 says that is about a person and not about a route (contract 6.2)."""
_PAGE: Final = "the answer is an HTML page, not one of PostHog's API"


class Unexpected(Exception):
    """An answer is not the one that its call gives.

    Arguments:
        problem: what is wrong with it, in our own words.
        told: what the server says about it; free text, which must be neutralised before it is shown.
        code: a word for programs; None where there is none.
        is_failure: whether it is this call's answer, and says that the call failed.
    """

    def __init__(self, problem: str, told: object = None, *, code: str | None = None, is_failure: bool = False) -> None:
        super().__init__(problem)
        self.problem = problem
        self.told = told if isinstance(told, str) else None
        self.code = code
        self.is_failure = is_failure


class Empty(msgspec.Struct, frozen=True):
    """A success without a body.

    Arguments:
        or_json: the body that some servers send; None where there must be none.
    """

    or_json: "Json[Any] | None" = None

    def read(self, response: Response) -> None:
        """Pass for a success without a body, or with the one that is allowed.

        Raises:
            Unexpected: the answer is another.
        """
        check_status(response, CHANGED)
        refuse_page(response)
        if is_blank(response):
            return
        if self.or_json is None:
            raise Unexpected(
                f"a body ({len(response.body)} bytes) came where there must be none", error_text(response.body)
            )
        self.or_json.read(response)


class Json(msgspec.Struct, Generic[T], frozen=True, kw_only=True):
    """A JSON body.

    Arguments:
        decoder: of the model.
        required: decodes the fields that have to be there although the model has a default for them; None for none.
        statuses: of a success.
        blank: makes the model of an empty body, where the documentation promises none; None where that is unexpected.
        objection: finds what is unexpected in a body that the model fits; None to accept every one.
    """

    decoder: "msgspec.json.Decoder[T]"
    required: "msgspec.json.Decoder[dict[str, Any]] | None" = None
    statuses: frozenset[int] = READ
    blank: Callable[[], T] | None = None
    objection: Callable[[bytes], Unexpected | None] | None = None

    def read(self, response: Response) -> T:
        """The model in the body.

        Raises:
            Unexpected: the answer is not this one.
        """
        check_status(response, self.statuses)
        refuse_page(response)
        if is_blank(response):
            if self.blank is None:
                raise Unexpected("the body is empty", code=EMPTY_BODY)
            return self.blank()
        kind = content_type(response.headers)
        if kind and not _JSON.fullmatch(kind):
            raise Unexpected(f"the answer is {shown_type(kind)}, not JSON")
        if self.objection is not None and (objection := self.objection(response.body)) is not None:
            raise objection
        if self.required is not None:
            decoded(self.required, response.body)
        return decoded(self.decoder, response.body)


class Csv(msgspec.Struct, frozen=True):
    """Comma-separated values; an empty body where there is no row (contract 6.1)."""

    def read(self, response: Response) -> str:
        """The text.

        Raises:
            Unexpected: the answer is something else, or was cut off.
        """
        self.check_head(response)
        if is_blank(response):
            return ""
        self.check_start(response, response.body)
        try:
            rows = CsvRows()
            rows.feed(response.body)
            rows.end()
            return response.body.decode()
        except BrokenCsv as error:
            problem = f"the CSV is broken: {error}"
        except UnicodeDecodeError:
            problem = f"the body ({len(response.body)} bytes) is not UTF-8"
        raise Unexpected(problem)

    def check_head(self, response: Response) -> None:
        """Pass for the status and content type of CSV, whatever the body.

        Raises:
            Unexpected: they are not those of CSV.
        """
        check_status(response, READ)
        refuse_page(response)
        kind = content_type(response.headers)
        if kind not in ("", _CSV):
            raise Unexpected(f"the answer is {shown_type(kind)}, not CSV")

    def check_start(self, response: Response, first: bytes) -> None:
        """Pass for a body whose beginning may be CSV.

        Arguments:
            first: the first bytes of the body.

        Raises:
            Unexpected: it is a page or JSON.
        """
        start = first.lstrip()[:1]
        if start == b"<":
            raise Unexpected(_PAGE)
        if start in (b"{", b"["):
            raise Unexpected("the body is JSON, not CSV", error_text(response.body))


class NoPerson(msgspec.Struct, frozen=True):
    """The refusal of a read of a person that does not exist: the persons API answers at this path (contract 6.2)."""

    def read(self, response: Response) -> None:
        """Pass for that refusal.

        Raises:
            Unexpected: the answer is another.
        """
        refuse_page(response)
        if response.status != 404 or error_text(response.body) != NO_SUCH_PERSON:
            raise Unexpected(f"{response.status} does not say that nobody has the nil UUID", error_text(response.body))


class Probe(msgspec.Struct, frozen=True, kw_only=True):
    """An answer that tells whether the server has a route (contract 8).

    Arguments:
        shown_by: the success that shows it; None where the request is one that the route refuses.
    """

    shown_by: "Json[Any] | None" = None

    def read(self, response: Response) -> bool:
        """True, for the success that shows the route.

        Raises:
            Unexpected: it is another answer.
        """
        if self.shown_by is None:
            raise Unexpected("the server does not refuse a request that this route refuses")
        self.shown_by.read(response)
        return True


def json_of(
    model: "type[T]",
    *,
    required: tuple[str, ...] = (),
    statuses: frozenset[int] = READ,
    blank: Callable[[], T] | None = None,
    objection: Callable[[bytes], Unexpected | None] | None = None,
) -> "Json[T]":
    """The expectation of a model in JSON.

    Arguments:
        model: what the body is read into.
        required: the fields that have to be there although the model has a default for them.
        statuses, blank, objection: as `Json` has them.
    """
    fields: Any = None
    if required:
        fields = msgspec.json.Decoder(msgspec.defstruct("Required", [(name, _Present) for name in required]))
    return Json(
        decoder=msgspec.json.Decoder(model), required=fields, statuses=statuses, blank=blank, objection=objection
    )


_Present = bool | int | float | str | list[msgspec.Raw] | dict[str, msgspec.Raw]
"""Any value but null."""


def decoded(decoder: "msgspec.json.Decoder[T]", body: bytes | msgspec.Raw) -> T:
    """The model in a body, or in a part of one.

    Raises:
        Unexpected: it is not there.
    """
    try:
        return decoder.decode(body)
    except RecursionError:
        problem, told = "is nested too deep", None
    except msgspec.ValidationError:
        problem, told = "is not what this call answers", error_text(bytes(body))
    except (msgspec.MsgspecError, ValueError):
        problem, told = "is not JSON", None
    raise Unexpected(f"the body ({len(bytes(body))} bytes) {problem}", told)


def check_status(response: Response, statuses: frozenset[int]) -> None:
    """Pass for one of these statuses.

    Raises:
        Unexpected: it is another one.
    """
    if response.status not in statuses:
        told = error_text(response.body)
        raise Unexpected(f"{response.status} is not a success of this call", told)


def refuse_page(response: Response) -> None:
    """Pass for a body that is not HTML, such as a login form, an application's shell or a proxy's error.

    Raises:
        Unexpected: it is HTML.
    """
    if content_type(response.headers) in _HTML or response.body.lstrip()[:1] == b"<":
        raise Unexpected(_PAGE)


def is_blank(response: Response) -> bool:
    """Whether there is nothing in the body."""
    return not response.body or response.body.isspace()


def content_type(headers: Mapping[str, str]) -> str:
    """The content type in lower case and without parameters; empty where the answer has none."""
    return headers.get("content-type", "").partition(";")[0].strip().lower()


def shown_type(kind: str) -> str:
    """A content type as messages show it."""
    return kind if re.fullmatch(r"[\w.+-]{1,40}/[\w.+-]{1,40}", kind, re.ASCII) else "of an unknown type"
