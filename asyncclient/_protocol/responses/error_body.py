"""The body of an error answer, in any of the forms that the server uses (contract 4). Pure."""

from typing import Any, Final

import msgspec


class ErrorBody(msgspec.Struct):
    """The fields of the error envelope, and of irregular bodies in its place."""

    type: Any = None
    code: Any = None
    detail: Any = None
    attr: Any = None
    error: Any = None
    message: Any = None

    @property
    def text(self) -> Any:
        """The message, from whichever field holds one."""
        return self.detail if self.detail is not None else self.error if self.error is not None else self.message


_ERROR: Final = msgspec.json.Decoder(ErrorBody)


def error_body(body: bytes) -> ErrorBody:
    """The error in a body; one without fields where there is none."""
    try:
        return _ERROR.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, ValueError, RecursionError):
        return ErrorBody()


def error_text(body: bytes) -> Any:
    """The message of the error in a body; None where there is none."""
    return error_body(body).text
