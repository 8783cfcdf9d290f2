"""Maps every error to an exit code and to a message for people.

The client is imported only after an error, so that the help appears at once.
"""

import errno
import os
import re
from enum import IntEnum

import click

from bulk.errors import BreakerOpened, FileTrouble, JournalBusy, NotFinished, PropertyHidden, Refused
from bulk.sanitize import paragraph, plain

MESSAGE_MAX = 1000
"""Characters of an error's message."""
HELP_MARK = " For help: "
"""What stands between the message of a usage error and the command that shows the help."""

_MISSING_SCOPE = re.compile(r"missing required scope '([a-z_]+:[a-z]+)'")
"""How PostHog names the scope that a key lacks (contract 2)."""


class ExitCode(IntEnum):
    """The exit code of a process; the last one is how a shell shows that a signal ended it."""

    DONE = 0
    NEEDS_ATTENTION = 1
    USAGE = 2
    REFUSED = 3
    BREAKER = 4
    DEFECT = 70
    FILES = 74
    RUN_AGAIN = 75
    NO_ACCESS = 77
    INTERRUPTED = 130


EXIT_MEANINGS = {
    ExitCode.DONE: "done, and confirmed by reading back; for verify, status and report: the job is complete",
    ExitCode.NEEDS_ATTENTION: "some persons need attention, or, for verify, status and report, some input lines; the "
    "report lists them and says what to do",
    ExitCode.USAGE: "invalid command line or setting, or the server rejected a request as invalid",
    ExitCode.REFUSED: "not run, nothing changed: a check refused it, or no person matches (the command persons then "
    "exits with 0)",
    ExitCode.BREAKER: "stopped after too many failures; run the same command again to resume",
    ExitCode.DEFECT: "bug in posthog-bulk; please report it",
    ExitCode.FILES: "a journal, a plan or another file cannot be read or written",
    ExitCode.RUN_AGAIN: "not finished, or waiting for PostHog; run the same command again (verify: later)",
    ExitCode.NO_ACCESS: "no access: invalid key, missing scope or project, or a feature outside the billing plan",
    ExitCode.INTERRUPTED: "ended by Ctrl-C; run the same command again to resume (another signal: 128 + its number)",
}
"""What each exit code means, in the words of the help and the README."""


class OutputClosed(Exception):
    """The reader of stdout closed it; no OSError, because click would report that as an error."""


class Interrupted(BaseException):
    """A signal stopped the command in good order; no Exception, because no code may take it for an error.

    Arguments:
        signal_number: the signal that still has to end the process.
        explanation: what is kept and how to continue; empty if the user has read that, None if nothing is known.
    """

    def __init__(self, signal_number: int, explanation: str | None = None) -> None:
        super().__init__(signal_number)
        self.signal_number = signal_number
        self.explanation = explanation


def exit_code(error: BaseException) -> ExitCode:
    """Return the exit code of an error; `DEFECT` if it is unexpected."""
    return next((code for kind, code in _table() if isinstance(error, kind)), ExitCode.DEFECT)


def _table() -> tuple[tuple[type[BaseException], ExitCode], ...]:
    """Return the exit code of each kind of error; the first row that matches decides."""
    import asyncclient
    from bulk.errors import InputError
    from bulk.selection.filter_expression import WhereError

    return (
        (click.UsageError, ExitCode.USAGE),
        (InputError, ExitCode.USAGE),
        (WhereError, ExitCode.USAGE),
        (asyncclient.InvalidArgument, ExitCode.USAGE),
        (Refused, ExitCode.REFUSED),
        (PropertyHidden, ExitCode.NO_ACCESS),
        (BreakerOpened, ExitCode.BREAKER),
        (FileTrouble, ExitCode.FILES),
        (asyncclient.LimitsFileError, ExitCode.FILES),
        (JournalBusy, ExitCode.RUN_AGAIN),
        (NotFinished, ExitCode.RUN_AGAIN),
        # PostHog did not respond. Neither the key nor, for certain, the command line is wrong: the same command
        # succeeds as soon as the proxy, firewall or login page lets it pass
        (asyncclient.IntermediaryError, ExitCode.RUN_AGAIN),
        (asyncclient.AuthenticationFailed, ExitCode.NO_ACCESS),
        (asyncclient.PermissionDenied, ExitCode.NO_ACCESS),
        # the server responds with 403 or 404 for a project that the key cannot see (contract 2)
        (asyncclient.RouteNotFound, ExitCode.NO_ACCESS),
        (asyncclient.NotFound, ExitCode.NO_ACCESS),
        # the request is invalid, or the host is spelled otherwise: a redirect to another scheme or slash
        (asyncclient.BadRequest, ExitCode.USAGE),
        (asyncclient.UnexpectedRedirect, ExitCode.USAGE),
        # temporary: 429 above the ceiling, 5xx, a quota that renews, unreadable responses
        (asyncclient.RateLimited, ExitCode.RUN_AGAIN),
        (asyncclient.ServerError, ExitCode.RUN_AGAIN),
        (asyncclient.QuotaLimited, ExitCode.RUN_AGAIN),
        (asyncclient.InvalidResponse, ExitCode.RUN_AGAIN),
        # like a missing scope, the billing plan does not change by itself
        (asyncclient.PaymentRequired, ExitCode.NO_ACCESS),
        # the server would reject the same request again: 405, 406, 409, 413 to 415, 422
        (asyncclient.ApiStatusError, ExitCode.USAGE),
        # no connection, no response, a listing that keeps shifting
        (asyncclient.PostHogError, ExitCode.RUN_AGAIN),
        (OSError, ExitCode.FILES),
    )


def describe_error(error: BaseException, *, with_notes: bool = True) -> str:
    """Return the message of an error for people, without markup, control characters or the key.

    Arguments:
        error: the error.
        with_notes: add its notes, which may hold names that the server sent.
    """
    code = exit_code(error)
    if code is ExitCode.DEFECT:
        return f"bug in posthog-bulk {defect_place(error)}; no further request was sent. Please report it."
    if isinstance(error, click.UsageError):
        return _usage_message(error)
    if isinstance(error, OSError):
        name = f"{plain(os.fsdecode(error.filename))}: " if isinstance(error.filename, str | bytes) else ""
        return f"{name}{_reason(error)}"
    pointer = getattr(error, "pointer", None)
    text, advice = _sentence(str(error)), _advice(error)
    for note in getattr(error, "__notes__", ()) if with_notes else ():
        text = f"{text}{'' if text.endswith(('.', '?', '!')) else '.'} {_sentence(note)}"
    text = f"{text.rstrip('.')}{advice}" if advice else text
    return f"{text}\n{_indented(pointer)}" if isinstance(pointer, str) else text


def _usage_message(error: click.UsageError) -> str:
    """Return click's message on one line, with the command that shows the help."""
    text = paragraph(" ".join(error.format_message().split()))
    if isinstance(error, click.NoSuchOption):
        close = " or ".join(error.possibilities or ())
        text = f"No such option {error.option_name!r}." + (f" Did you mean {close}?" if close else "")
    if error.ctx is None or not error.ctx.command_path:
        return text
    sentence = text if text.endswith("?") else f"{text.rstrip('.')}."
    return f"{sentence}{HELP_MARK}{error.ctx.command_path} --help"


def _advice(error: BaseException) -> str:
    """Return what to do about an error of the client, which knows the request but not the command line.

    A note of a refused permission says what the call needs. The general hint adds to it only if the response is about
    the project (contract 2).
    """
    import asyncclient

    if isinstance(error, asyncclient.PermissionDenied):
        notes = "".join(getattr(error, "__notes__", ()))
        if scope := _MISSING_SCOPE.search(error.detail or ""):
            missing = "the missing scope" if scope[1] in notes else f"the scope {scope[1]}"
            return f"; add {missing} to the key in PostHog, then run the same command again"
        if notes and "project" not in (error.detail or "").lower():
            return ""
    table: tuple[tuple[type[BaseException], str], ...] = (
        (asyncclient.IntermediaryError, "then run the same command again"),
        (asyncclient.UntrustedCertificate, "then run the same command again"),
        (asyncclient.UnknownHost, "check the host (POSTHOG_HOST) and the network, then run the same command again"),
        (asyncclient.Unreachable, "check the network and the host (POSTHOG_HOST), then run the same command again"),
        (asyncclient.ConnectFailed, "check the network and the host (POSTHOG_HOST), then run the same command again"),
        (asyncclient.TransportError, "run the same command again"),
        (asyncclient.PermissionDenied, "check the project ID, and the scopes and projects of the key"),
        (asyncclient.RouteNotFound, "check the host (POSTHOG_HOST) and the project ID"),
        (
            asyncclient.InvalidResponse,
            "check that the host (POSTHOG_HOST) is a PostHog instance without a login page or proxy in front",
        ),
        (asyncclient.PaymentRequired, "the project's billing plan does not include this: see its billing page"),
        (asyncclient.RateLimited, "run the same command again later"),
        (asyncclient.ServerError, "run the same command again later"),
    )
    return next((f"; {advice}" for kind, advice in table if isinstance(error, kind)), "")


def _sentence(text: str) -> str:
    return plain(text, limit=MESSAGE_MAX)


def _indented(text: str) -> str:
    return "\n".join(f"  {line}" for line in paragraph(text).split("\n"))


def _reason(error: OSError) -> str:
    text = errno.errorcode.get(error.errno or 0, "error") + f" ({error.strerror})"
    return text + "; free some space, then run the same command again" * (error.errno in (errno.ENOSPC, errno.EDQUOT))


def defect_place(error: BaseException) -> str:
    """Return the innermost place in this product; no values, because they can be personal data."""
    trace, place = error.__traceback__, ""
    while trace is not None:
        code = trace.tb_frame.f_code
        module = str(trace.tb_frame.f_globals.get("__name__", "?"))
        if module.split(".")[0] in ("bulk", "asyncclient"):
            place = f"in {module}, {code.co_name}, line {trace.tb_lineno}"
        trace = trace.tb_next
    return place or "outside of posthog-bulk"


def unwrap_group(error: BaseException) -> BaseException:
    """Return the only error of a group, or the error itself."""
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error
