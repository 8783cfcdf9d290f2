"""The command as a whole: help, exit codes, and one sentence for whatever goes wrong."""

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import pytest

import asyncclient
from bulk.cli import exit_codes
from bulk.cli.main import COMMANDS
from bulk.errors import (
    BreakerOpened,
    FileTrouble,
    InputError,
    JournalBusy,
    JournalDamaged,
    NotFinished,
    PlanError,
    PropertyHidden,
    Refused,
    WriteFailed,
)
from bulk.selection.filter_expression import WhereError

Run = Callable[..., Any]

HEAVY = ("aiohttp", "asyncclient", "rich", "anyio", "msgspec", "jinja2")


@pytest.mark.slow
def test_help_imports_neither_the_client_nor_the_engine() -> None:
    script = (
        "import sys; from bulk.cli.main import main; main(['--help']); "
        f"print('loaded:', [name for name in {HEAVY} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, env=_env())
    assert done.stdout.splitlines()[-1] == "loaded: []"
    assert all(f"  {name} " in done.stdout for name in COMMANDS)


def _env() -> dict[str, str]:
    import bulk

    return {**os.environ, "PYTHONPATH": str(Path(next(iter(bulk.__path__))).parent)}


OPERATION_OPTIONS = (
    "--distinct-ids --uuids --emails --column --where --email --properties --cohort --everyone --allow-shared-ids "
    "--plan --journal --yes --expect-count --expect-lines --concurrency --batch-size --rate-limits --wait "
    "--max-targets --json --host --project-id --key-file --limits-file"
)

# the table of the interface: options that people script against
OPTIONS = {
    "demo": "--persons --keep",
    "server": "--port --persons --seed --rate-limits",
    "persons": "--plan --journal --distinct-ids --uuids --emails --column --where --email --properties --cohort "
    "--everyone --allow-shared-ids --format --output --host --project-id --key-file",
    "plan": "--delete-events --delete-recordings --route --distinct-ids --uuids --emails --email-match "
    "--email-keys --column --where --email "
    "--properties --cohort --everyone --allow-shared-ids --output --host --project-id --key-file",
    "show": "--target --json",
    "run": "--journal --approve --max-targets --expect-count --expect-lines --concurrency --batch-size --rate-limits "
    "--wait --json --host --project-id --key-file",
    "delete": f"--delete-events --delete-recordings {OPERATION_OPTIONS}",
    "unset": f"--route --keep-before {OPERATION_OPTIONS}",
    "update": f"--values --id-column --types --empty-is --once --route --keep-before {OPERATION_OPTIONS}",
    "revert": "--output --route --keep-before --json --host --project-id --key-file",
    "delete-events": OPERATION_OPTIONS,
    "delete-recordings": OPERATION_OPTIONS,
    "split": "--distinct-ids --main-distinct-id --expect-count --yes --wait --json --host --project-id --key-file",
    "verify": "--plan --json --host --project-id --key-file",
    "status": "--watch",
    "jobs": "--json",
    "report": "--output --format --json",
    "verify-signature": "--key --signature --json",
    "shred": "--plan --receipts --unfinished --yes --json",
    "completion": "--json",
}


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_its_options_and_a_help(run: Run, name: str) -> None:
    shown = run(name, "--help")
    assert shown.code == 0
    words = shown.out.replace(",", " ").split()
    assert set(OPTIONS[name].split()) <= set(words)
    assert "-o" not in OPTIONS[name] or name not in ("plan", "persons", "report") or "-o" in words


@pytest.mark.parametrize("arguments", [["--version"], ["-h"]])
def test_help_and_version_exit_with_0(run: Run, arguments: list[str]) -> None:
    assert run(*arguments).code == 0


def test_without_a_command_the_help_is_shown_and_the_exit_code_is_2(run: Run) -> None:
    result = run()
    assert result.code == 2
    assert "Commands" in result.out + result.err


@pytest.mark.parametrize(
    "arguments",
    [["erase"], ["run"], ["run", "--nope", "x"], ["delete", "--concurrency", "0"], ["plan", "explode", "-o", "x"]],
)
def test_a_usage_error_exits_with_2_and_one_line(run: Run, arguments: list[str]) -> None:
    result = run(*arguments)
    assert result.code == 2
    assert len(result.err.splitlines()) == 1


def _status_error(kind: type[asyncclient.ApiStatusError], status: int) -> BaseException:
    return kind(
        status=status,
        type="t",
        code="c",
        detail="detail",
        attr=None,
        method="GET",
        path="/api/projects/1/persons/018f/",
        route="GET persons/:id",
        retry_after_s=None,
    )


def _transport(kind: type[asyncclient.TransportError]) -> BaseException:
    return kind("reason", method="GET", path="/p/018f", route="GET persons/:id", sent=False)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (click.UsageError("x"), 2),
        (InputError("x"), 2),
        (WhereError("a b", 2, 3, "x"), 2),
        (asyncclient.InvalidArgument("x"), 2),
        (Refused("x", "y"), 3),
        (BreakerOpened("x"), 4),
        (PropertyHidden("x", "400"), 77),
        (FileTrouble("f", "x", "y"), 74),
        (PlanError("f", "x", "y"), 74),
        (JournalDamaged("f", 3, "x"), 74),
        (WriteFailed("f", "x"), 74),
        (JournalBusy("f"), 75),
        (NotFinished("x"), 75),
        (_status_error(asyncclient.AuthenticationFailed, 401), 77),
        (_status_error(asyncclient.PermissionDenied, 403), 77),
        (_status_error(asyncclient.NotFound, 404), 77),
        (_status_error(asyncclient.RouteNotFound, 404), 77),
        (_status_error(asyncclient.BadRequest, 400), 2),
        (_status_error(asyncclient.UnexpectedRedirect, 302), 2),
        (_status_error(asyncclient.PaymentRequired, 402), 77),
        (_status_error(asyncclient.MethodNotAllowed, 405), 2),
        (_status_error(asyncclient.ApiStatusError, 406), 2),
        (_status_error(asyncclient.Conflict, 409), 2),
        (_status_error(asyncclient.ApiStatusError, 413), 2),
        (_status_error(asyncclient.ApiStatusError, 414), 2),
        (_status_error(asyncclient.ApiStatusError, 415), 2),
        (_status_error(asyncclient.UnprocessableEntity, 422), 2),
        (_status_error(asyncclient.QuotaLimited, 200), 75),
        (_status_error(asyncclient.RateLimited, 429), 75),
        (_status_error(asyncclient.ServerError, 503), 75),
        (_status_error(asyncclient.InvalidResponse, 200), 75),
        (_transport(asyncclient.ConnectFailed), 75),
        (_transport(asyncclient.TimedOut), 75),
        (asyncclient.ListingError("x"), 75),
        (OSError(28, "No space left on device"), 74),
        (RuntimeError("secret phx_1"), 70),
    ],
)
def test_each_error_has_its_exit_code_and_message(error: BaseException, code: int) -> None:
    assert exit_codes.exit_code(error) == code
    told = exit_codes.describe_error(error)
    assert told
    assert "018f" not in told
    assert "phx_1" not in told


@pytest.mark.parametrize(
    ("detail", "note", "has_hint"),
    [
        ("This action does not support personal API key access", "Use an older key.", False),
        ("You don't have access to the project.", "Use an older key.", True),
        ("This action does not support personal API key access", None, True),
    ],
)
def test_a_refused_permission_has_the_general_hint_only_where_it_may_help(
    detail: str, note: str | None, has_hint: bool
) -> None:
    error = asyncclient.PermissionDenied(
        status=403,
        type="authentication_error",
        code="permission_denied",
        detail=detail,
        attr=None,
        method="POST",
        path="/api/projects/1/query/",
        route="POST query/",
        retry_after_s=None,
    )
    if note is not None:
        error.add_note(note)
    told = exit_codes.describe_error(error)
    assert told.endswith("; check the project ID, and the scopes and projects of the key") is has_hint
    assert (note is not None) == ("Use an older key" in told)


def test_a_defect_is_reported_with_its_place_and_no_value() -> None:
    def fail() -> None:
        raise KeyError("jane@example.org")

    fail.__globals__["__name__"], name = "bulk.somewhere", fail.__globals__["__name__"]
    try:
        fail()
    except KeyError as error:
        told = exit_codes.describe_error(error)
    finally:
        fail.__globals__["__name__"] = name
    assert told.startswith("bug in posthog-bulk in bulk.somewhere, fail, line ")
    assert "jane" not in told


def test_error_messages_have_no_control_characters() -> None:
    told = exit_codes.describe_error(Refused("name \x1b[31m\u202e", "fix"))
    assert "\x1b" not in told
    assert "\u202e" not in told


def test_an_error_in_an_expression_is_marked_with_carets() -> None:
    assert exit_codes.describe_error(WhereError("a zzz b", 2, 5, "unknown operator")).splitlines() == [
        "unknown operator",
        "  a zzz b",
        "    ^^^",
    ]


def test_the_only_error_of_a_group_is_reported_by_itself() -> None:
    inner = Refused("x", "y")
    assert exit_codes.unwrap_group(BaseExceptionGroup("g", [ExceptionGroup("h", [inner])])) is inner


def test_a_defect_of_the_error_message_itself_exits_with_70_and_one_sentence(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: BaseException) -> str:
        raise KeyError("jane@example.org")

    monkeypatch.setattr("bulk.cli.main.describe_error", fail)
    result = run("run")
    assert result.code == 70
    assert re.fullmatch(
        r"posthog-bulk: bug in posthog-bulk in bulk\.cli\.main, _describe, line \d+, "
        r"when an error in bulk\.cli\.main, \w+, line \d+ was reported; no further request was sent\. "
        r"Please report it\.\n",
        result.err,
    )
