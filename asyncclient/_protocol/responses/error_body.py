"""The body of an error response, in all forms that the server uses (contract 4). Pure."""

from typing import Any, Final

import msgspec


class ErrorBody(msgspec.Struct):
    """The fields of the error envelope and of the irregular bodies that some calls send instead."""

    type: Any = None
    code: Any = None
    detail: Any = None
    attr: Any = None
    error: Any = None
    message: Any = None

    @property
    def text(self) -> Any:
        """The message, from the first field that has one."""
        return self.detail if self.detail is not None else self.error if self.error is not None else self.message


_ERROR: Final = msgspec.json.Decoder(ErrorBody)


def error_body(body: bytes) -> ErrorBody:
    """Return the error in a body; all its fields are None if the body has none."""
    try:
        return _ERROR.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, ValueError, RecursionError):
        return ErrorBody()


def error_text(body: bytes) -> Any:
    """Return the error message in a body; None if there is none."""
    return error_body(body).text
