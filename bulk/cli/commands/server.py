"""`posthog-bulk server`: a PostHog-compatible local server in the foreground."""

import errno
import shlex
from typing import TYPE_CHECKING, Any, get_args, get_type_hints

import click
import msgspec

from bulk.cli.options.connection_options import HOST, KEY, PROJECT_ID, Seconds

if TYPE_CHECKING:
    from asyncclient.testing import Fault, ServerOptions
    from bulk.cli.signals import Stopper

SECONDS = Seconds()


@click.command("server")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8010,
    show_default=True,
    metavar="N",
    help="Port on this machine; 0 for any that is free.",
)
@click.option(
    "--persons", type=click.IntRange(0), default=1000, show_default=True, metavar="N", help="Persons to begin with."
)
@click.option("--seed", type=int, default=1, show_default=True, metavar="N", help="The same seed, the same persons.")
@click.option(
    "--project-id", type=click.IntRange(1), default=1, show_default=True, metavar="N", help="The project's number."
)
@click.option(
    "--rate-limits",
    type=click.Choice(["posthog", "off"]),
    default="posthog",
    show_default=True,
    help="Whether requests are limited as PostHog limits them.",
)
@click.option(
    "--era",
    type=click.Choice(["empty202", "summary", "queued"]),
    default="queued",
    show_default=True,
    help="What bulk_delete answers and when it deletes: the server's age.",
)
@click.option("--latency", "latency_s", type=SECONDS, default=0.0, metavar="SECONDS", help="Added to each answer.")
@click.option(
    "--list-lag",
    "list_lag_s",
    type=SECONDS,
    default=0.0,
    metavar="SECONDS",
    help="How far the listing trails the store.",
)
@click.option(
    "--queued-delay",
    "queued_delay_s",
    type=SECONDS,
    default=0.0,
    metavar="SECONDS",
    help="How long a queued deletion takes.",
)
@click.option(
    "--capture-lag",
    "capture_lag_s",
    type=SECONDS,
    default=0.0,
    metavar="SECONDS",
    help="How long a captured event takes to change its person.",
)
@click.option(
    "--short-pages",
    "unhydratable_every",
    type=int,
    default=0,
    metavar="N",
    help="Leave every N-th row out of the listing's pages.",
)
@click.option("--scope", "scopes", multiple=True, metavar="SCOPE", help="A scope of the key; all by default.")
@click.option(
    "--fault",
    "faults",
    multiple=True,
    metavar="KIND[,FIELD=VALUE...]",
    help="Something that goes wrong, as in status,action=bulk_delete,status=503,times=2"
    " or swallow,action=capture,share=0.01.",
)
def command(port: int, persons: int, seed: int, faults: tuple[str, ...], **knobs: Any) -> int:
    """Run a PostHog-compatible local server until it is interrupted, and print how to use it.

    It lives in memory and listens on this machine only.

    \b
    Example:
      posthog-bulk server --persons 3000 --fault status,action=bulk_delete,status=503,times=2
    """
    from asyncclient.testing import LocalPostHog
    from bulk.cli.exit_codes import Interrupted
    from bulk.cli.signals import run_until_signal

    options = server_options(knobs)
    wrong = [parse_fault(text) for text in faults]

    async def serve(stopper: "Stopper") -> None:
        async with LocalPostHog(persons=persons, seed=seed, options=options, port=port) as server:
            for fault in wrong:
                server.faults.add(fault)
            click.echo(f"{persons:,} persons at {server.url}; interrupt to end it.", err=True)
            click.echo("\n".join(export_lines(server.url, server.project_id, server.personal_api_key)))
            with stopper.draining() as stop:
                await stop.wait()

    try:
        run_until_signal(serve, notice=lambda _: None)
    except Interrupted:
        return 0
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise click.UsageError(f"port {port} is in use: choose another, or 0 for any that is free") from None
        raise
    return 0


def server_options(knobs: dict[str, Any]) -> "ServerOptions":
    """The server's options from the command's.

    Raises:
        UsageError: one does not go.
    """
    from asyncclient.testing import ServerOptions

    fields = {**knobs, "record_limit": 1000}
    if not knobs["scopes"]:
        del fields["scopes"]
    try:
        return ServerOptions(**fields)
    except ValueError as error:
        raise click.UsageError(str(error)) from None


def parse_fault(text: str) -> "Fault":
    """A fault written as KIND,FIELD=VALUE,...

    Raises:
        UsageError: the kind, a field or a value is not known.
    """
    from asyncclient.testing import Fault

    kind, *settings = text.split(",")
    fields: dict[str, str] = {"kind": kind}
    for setting in settings:
        name, equals, value = setting.partition("=")
        if not equals:
            raise click.UsageError(f"--fault {text!r}: write {name}=VALUE")
        fields[name] = value
    kinds = get_args(get_type_hints(Fault)["kind"])
    if kind not in kinds:
        raise click.UsageError(f"--fault {text!r}: unknown kind {kind!r}; choose from {', '.join(kinds)}")
    if unknown := [name for name in fields if name not in Fault.__struct_fields__]:
        known = ", ".join(name for name in Fault.__struct_fields__ if name != "kind")
        raise click.UsageError(f"--fault {text!r}: unknown field {unknown[0]!r}; choose from {known}")
    try:
        return msgspec.convert(fields, Fault, strict=False)
    except ValueError as error:
        raise click.UsageError(f"--fault {text!r}: {error}") from None


def export_lines(url: str, project_id: int, key: str) -> list[str]:
    """The lines that point this product at the server."""
    return [
        f"export {name}={shlex.quote(str(value))}"
        for name, value in ((HOST, url), (PROJECT_ID, project_id), (KEY, key))
    ]
