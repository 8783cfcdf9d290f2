"""How the command line ends: one table from error to exit code, and one sentence for each.

Knows no command. The client is imported only when something went wrong.
"""

import errno
import os
from enum import IntEnum

import click

from bulk.errors import BreakerOpened, FileTrouble, JournalBusy, NotFinished, Refused
from bulk.sanitize import paragraph, plain

SENTENCE_MAX = 1000


class ExitCode(IntEnum):
    """What a process ends with, unless a signal ends it."""

    DONE = 0
    UNLIKE_ASKED = 1
    USAGE = 2
    REFUSED = 3
    BREAKER = 4
    DEFECT = 70
    FILES = 74
    AGAIN = 75
    KEY = 77


class OutputClosed(Exception):
    """The reader of stdout closed it; not an OSError, which click would report."""


class Interrupted(Exception):
    """A signal asked for the end, and everything is put away.

    Args:
        signal_number: what the process must still die of.
    """

    def __init__(self, signal_number: int) -> None:
        super().__init__(signal_number)
        self.signal_number = signal_number


def exit_code(error: BaseException) -> ExitCode:
    """The exit code for an error; `DEFECT` for an unexpected one."""
    return next((code for kind, code in _table() if isinstance(error, kind)), ExitCode.DEFECT)


def _table() -> tuple[tuple[type[BaseException], ExitCode], ...]:
    """The first row that fits decides."""
    import asyncclient
    from bulk.errors import InputError
    from bulk.selection.filter_expression import WhereError

    return (
        (click.UsageError, ExitCode.USAGE),
        (InputError, ExitCode.USAGE),
        (WhereError, ExitCode.USAGE),
        (asyncclient.InvalidArgument, ExitCode.USAGE),
        (Refused, ExitCode.REFUSED),
        (BreakerOpened, ExitCode.BREAKER),
        (FileTrouble, ExitCode.FILES),
        (JournalBusy, ExitCode.AGAIN),
        (NotFinished, ExitCode.AGAIN),
        (asyncclient.AuthenticationFailed, ExitCode.KEY),
        (asyncclient.PermissionDenied, ExitCode.KEY),
        # a project that the key does not see is told by 403 or 404 (contract 2)
        (asyncclient.RouteNotFound, ExitCode.KEY),
        (asyncclient.NotFound, ExitCode.KEY),
        # the server did not take what was asked, or another server answers there
        (asyncclient.BadRequest, ExitCode.USAGE),
        (asyncclient.UnexpectedRedirect, ExitCode.USAGE),
        # no answer, 429 above the ceiling, 5xx, a quota that is renewed, unreadable answers
        (asyncclient.RateLimited, ExitCode.AGAIN),
        (asyncclient.ServerError, ExitCode.AGAIN),
        (asyncclient.QuotaLimited, ExitCode.AGAIN),
        (asyncclient.InvalidResponse, ExitCode.AGAIN),
        # the plan does not cover it: as little as a missing scope does that pass by itself
        (asyncclient.PaymentRequired, ExitCode.KEY),
        # what the server refuses, it refuses again: 405, 406, 409, 413 to 415, 422
        (asyncclient.ApiStatusError, ExitCode.USAGE),
        # no connection, no answer, lists that never hold still
        (asyncclient.PostHogError, ExitCode.AGAIN),
        (OSError, ExitCode.FILES),
    )


def explain(error: BaseException) -> str:
    """What to tell people of an error: no markup, no control characters, no trace of the key."""
    code = exit_code(error)
    if code is ExitCode.DEFECT:
        return f"defect: {type(error).__name__} {_where(error)}; nothing more was sent. Please report it."
    if isinstance(error, click.UsageError):
        return paragraph(error.format_message())
    if isinstance(error, OSError):
        name = f"{plain(os.fsdecode(error.filename))}: " if isinstance(error.filename, str | bytes) else ""
        return f"{name}{_reason(error)}"
    pointer = getattr(error, "pointer", None)
    text = _sentence(str(error)) + _advice(error)
    return f"{text}\n{_indented(pointer)}" if isinstance(pointer, str) else text


def _advice(error: BaseException) -> str:
    """What to do about an error of the client's, which knows the request and not the command line."""
    import asyncclient

    table: tuple[tuple[type[BaseException], str], ...] = (
        (asyncclient.ConnectFailed, "check the network and the host (POSTHOG_HOST), then run the same command again"),
        (asyncclient.TransportError, "run the same command again"),
        (asyncclient.PermissionDenied, "check the project's number, and the scopes and projects of the key"),
        (asyncclient.RouteNotFound, "check the host (POSTHOG_HOST) and the project's number"),
        (asyncclient.UnexpectedRedirect, "redirects are not followed: give the address that it leads to as the host"),
        (
            asyncclient.InvalidResponse,
            "check that the host (POSTHOG_HOST) is a PostHog instance without a login page or proxy in front",
        ),
        (asyncclient.PaymentRequired, "the project's plan does not cover this: see its billing page"),
        (asyncclient.RateLimited, "run the same command again later"),
        (asyncclient.ServerError, "run the same command again later"),
    )
    return next((f"; {advice}" for kind, advice in table if isinstance(error, kind)), "")


def _sentence(text: str) -> str:
    return plain(text, limit=SENTENCE_MAX)


def _indented(text: str) -> str:
    return "\n".join(f"  {line}" for line in paragraph(text).split("\n"))


def _reason(error: OSError) -> str:
    text = errno.errorcode.get(error.errno or 0, "error") + f" ({error.strerror})"
    return text + "; free some space, then run the same command again" * (error.errno in (errno.ENOSPC, errno.EDQUOT))


def _where(error: BaseException) -> str:
    """The innermost line of ours; values stay out, they may be anybody's data."""
    trace, place = error.__traceback__, ""
    while trace is not None:
        code = trace.tb_frame.f_code
        module = str(trace.tb_frame.f_globals.get("__name__", "?"))
        if module.split(".")[0] in ("bulk", "asyncclient"):
            place = f"in {module}, {code.co_name}, line {trace.tb_lineno}"
        trace = trace.tb_next
    return place or "outside of this product"


def single(error: BaseException) -> BaseException:
    """The error itself, or the only one that a group holds."""
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error
