"""`posthog-bulk server`: run a PostHog-compatible local server in the foreground."""

import errno
import shlex
from typing import TYPE_CHECKING, Any, get_args, get_type_hints

import click
import msgspec

from bulk.cli.options.connection_options import json_option
from bulk.cli.options.help_layout import HelpCommand, Seconds, WholeNumber, option
from bulk.cli.options.help_layout import command as help_command
from bulk.cli.options.settings import HOST, KEY, PROJECT_ID
from bulk.formatting import count_of

if TYPE_CHECKING:
    from asyncclient.testing import Fault, LocalPostHog, ServerOptions
    from bulk.cli.signals.event_loop import Stopper

SECONDS = Seconds()
_PERSONLESS_AT = (1_760_000_000.0, 1_760_003_600.0)
"""When the events of distinct IDs without a person happened, in epoch seconds."""

_FAULTS = {
    "refuse": "close the connection before the request is read",
    "reset, stall": "reset the connection, or never respond; the request has no effect",
    "reset_after": "reset the connection after the request had its effect",
    "stall_after": "never respond after the request had its effect",
    "status": "respond with an error (status, body, when, retry_after)",
    "page": "respond with a page of a proxy, such as a login page (page, page_status, when)",
    "intermediary": "respond as a proxy, load balancer or firewall does (sender, when)",
    "redirect": "redirect to another URL (to)",
    "cut_body, garbage": "cut the response short, or send one that is not JSON",
    "big_body, deep_json": "send a response that is too large (size), or nested too deep",
    "person_deletion_failed": "fail at a step of the deletion of a person (step)",
    "deletion_errors": "report errors for some of the persons of bulk_delete (count, share, step)",
    "orphan_events": "delete persons, then fail before the deletion of their events is queued",
    "swallow": "respond with success, but have no effect, or lose captured events (count, share)",
    "capture_down": "fail to capture the event that changes a person (status)",
}
_FAULT_FIELDS = (
    "The fields in parentheses are for this kind only. Every fault also takes action (only this call), times (how "
    "often at most), every (only each n-th call), after (how many calls pass first), probability and seed."
)


class _ServerCommand(HelpCommand):
    """The command, whose help lists the kinds of faults below the options."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the kinds of faults."""
        del ctx
        with formatter.section("Kinds of faults"):
            formatter.write_dl(list(_FAULTS.items()))
        formatter.write_paragraph()
        formatter.write_text(_FAULT_FIELDS)


@help_command("server", cls=_ServerCommand)
@option(
    "--port",
    type=WholeNumber(0, 65535, is_count=False),
    default=8010,
    metavar="N",
    help="Port on this machine, 0 for a free one",
)
@option("--persons", type=WholeNumber(0), default=1000, metavar="N", help="Persons to start with")
@option("--seed", type=int, default=1, metavar="N", help="Seed of the persons: the same seed creates the same persons")
@option("--project-id", type=WholeNumber(1, is_count=False), default=1, metavar="N", help="Project ID")
@option(
    "--rate-limits",
    type=click.Choice(["posthog", "off"]),
    default="posthog",
    help="posthog: enforce the rate limits of PostHog; off: enforce none",
)
@option(
    "--era",
    type=click.Choice(["empty202", "summary", "queued"]),
    default="queued",
    help="Behave like one of three PostHog releases. empty202: bulk_delete deletes within the call and returns no "
    "body; summary: it deletes within the call and returns counts; queued: it returns counts and deletes later",
)
@option("--latency", "latency_s", type=SECONDS, default=0.0, metavar="SECONDS", help="Delay of each response")
@option(
    "--list-lag",
    "list_lag_s",
    type=SECONDS,
    default=0.0,
    metavar="SECONDS",
    help="Delay until the listing shows a change",
)
@option(
    "--queued-delay", "queued_delay_s", type=SECONDS, default=0.0, metavar="SECONDS", help="Delay of a queued deletion"
)
@option(
    "--capture-lag",
    "capture_lag_s",
    type=SECONDS,
    default=0.0,
    metavar="SECONDS",
    help="Delay until a captured event changes its person",
)
@option(
    "--short-pages",
    "unhydratable_every",
    type=int,
    default=0,
    metavar="N",
    help="Leave every N-th person out of the pages of the listing; 0 for none",
)
@option(
    "--events",
    "seeded_events",
    is_flag=True,
    help="Give the persons events: up to three each, in the years after their creation",
)
@option(
    "--without-person",
    type=WholeNumber(0),
    default=0,
    metavar="N",
    help="Distinct IDs without a person, ghost-1 to ghost-N, with two events each",
)
@option(
    "--scope",
    "scopes",
    multiple=True,
    metavar="SCOPE",
    help="Scope of the key, or none for an older key without scopes; repeat it for more (default: all)",
)
@option(
    "--fault",
    "faults",
    multiple=True,
    metavar="KIND[,FIELD=VALUE...]",
    help="Make requests fail, as in status,action=bulk_delete,status=503,times=2 or "
    "swallow,action=capture,share=0.01; repeat it for more. The kinds are listed below",
)
@json_option
def command(
    port: int, persons: int, seed: int, without_person: int, faults: tuple[str, ...], json: bool, **settings: Any
) -> int:
    """Run a local server that behaves like PostHog, and print how to use it. Ctrl-C stops it.

    It keeps everything in memory and accepts connections from this machine only. Only the lines for the shell go to
    stdout. In a script: start it with "posthog-bulk server > server.env &", run eval "$(cat server.env)", and stop it
    with "kill %1".

    \b
    Example:
      posthog-bulk server --persons 3000 --fault status,action=bulk_delete,status=503,times=2
    """
    from asyncclient.testing import LocalPostHog
    from bulk.cli.exit_codes import Interrupted
    from bulk.cli.job_session import CommandOutput
    from bulk.cli.signals.event_loop import run_until_signal

    options = server_options(settings)
    parsed_faults = [parse_fault(text) for text in faults]

    async def serve(stopper: "Stopper") -> None:
        async with LocalPostHog(persons=persons, seed=seed, options=options, port=port) as server:
            for fault in parsed_faults:
                server.faults.add(fault)
            add_personless_events(server, without_person)
            click.echo(
                f"Local server with {count_of(persons, 'person')} at {server.url}; press Ctrl-C to stop it.\n"
                "To use it, run these lines in another terminal:",
                err=True,
            )
            CommandOutput(json=json).print(
                "\n".join(export_lines(server.url, server.project_id, server.personal_api_key))
            )
            CommandOutput(json=json).write_event(
                "server",
                url=server.url,
                project_id=server.project_id,
                personal_api_key=server.personal_api_key,
                persons=persons,
            )
            with stopper.draining() as stop:
                await stop.wait()

    try:
        run_until_signal(serve, notice=lambda _: None)
    except Interrupted:
        return 0
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise click.UsageError(f"port {port} is in use: choose another, or 0 for a free one") from None
        raise
    return 0


def add_personless_events(server: "LocalPostHog", count: int) -> None:
    """Add two events of each of the distinct IDs ghost-1 to ghost-COUNT, which have no person."""
    for number in range(1, count + 1):
        for timestamp in _PERSONLESS_AT:
            server.world.add_event(f"ghost-{number}", timestamp=timestamp)


def server_options(settings: dict[str, Any]) -> "ServerOptions":
    """Return the options of the server for those of the command.

    Raises:
        UsageError: a value is invalid.
    """
    from asyncclient.testing import ServerOptions

    fields = {**settings, "record_limit": 1000}
    if not settings["scopes"]:
        del fields["scopes"]
    elif settings["scopes"] == ("none",):
        fields["scopes"] = None
    try:
        return ServerOptions(**fields)
    except ValueError as error:
        raise click.UsageError(str(error)) from None


def parse_fault(text: str) -> "Fault":
    """Return the fault for KIND,FIELD=VALUE,...

    Raises:
        UsageError: the kind or a field is unknown, or a value is invalid.
    """
    from asyncclient.testing import Fault

    kind, *pairs = text.split(",")
    fields: dict[str, str] = {"kind": kind}
    for pair in pairs:
        name, equals, value = pair.partition("=")
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
    """Return the shell lines that make posthog-bulk use the server."""
    return [
        f"export {name}={shlex.quote(str(value))}"
        for name, value in ((HOST, url), (PROJECT_ID, project_id), (KEY, key))
    ]
