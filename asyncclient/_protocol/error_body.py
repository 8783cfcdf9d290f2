"""ErrorBody: what the server says when a call fails, in whatever form it says it (contract 4). Pure."""

from typing import Any, Final

import msgspec


class ErrorBody(msgspec.Struct):
    """The error envelope, with whatever irregular bodies have in its place."""

    type: Any = None
    code: Any = None
    detail: Any = None
    attr: Any = None
    error: Any = None
    message: Any = None

    @property
    def text(self) -> Any:
        """What it says, whichever field holds it."""
        return self.detail if self.detail is not None else self.error if self.error is not None else self.message


_ERROR: Final = msgspec.json.Decoder(ErrorBody)


def error_body(body: bytes) -> ErrorBody:
    """The error in a body; one without fields where there is none."""
    try:
        return _ERROR.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, ValueError, RecursionError):
        return ErrorBody()


def error_text(body: bytes) -> Any:
    """What the error in a body says, None where there is none."""
    return error_body(body).text
