"""`posthog-bulk split`: make distinct IDs of one person persons of their own."""

import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

import click

from bulk.cli.options.connection_options import json_option, settings_options
from bulk.cli.options.help_layout import Seconds, WholeNumber, option
from bulk.cli.options.help_layout import command as help_command
from bulk.cli.options.settings import Settings

if TYPE_CHECKING:
    from asyncclient import PostHogClient
    from bulk.cli.display.live_display import Display
    from bulk.cli.signals import Stopper
    from bulk.execution.splitting.person_split import PersonSplit


@help_command("split")
@click.argument("person", type=click.UUID)
@option("--distinct-ids", metavar="FILE|-", help="Split off the distinct IDs in this file, one per line; - for stdin")
@option("--main-distinct-id", metavar="ID", help="Keep only this distinct ID, and split off all others")
@option("--expect-count", type=WholeNumber(0), metavar="N", help="Refuse to split off any other number of distinct IDs")
@option("--yes", is_flag=True, help="Do not ask; needs --expect-count")
@option(
    "--wait",
    "wait_s",
    type=Seconds(),
    default=60.0,
    metavar="SECONDS",
    help="Wait this long for the server to apply the split",
)
@json_option
@settings_options
def command(
    person: UUID,
    distinct_ids: str | None,
    main_distinct_id: str | None,
    expect_count: int | None,
    yes: bool,
    wait_s: float,
    json: bool,
    settings: Settings,
) -> int:
    """Split distinct IDs off the person with the UUID PERSON: each becomes a person of its own.

    Properties and the other distinct IDs stay. It is for persons that were merged by mistake, and cannot be undone. The
    call is sent once; if its outcome is not known, run the same command again: lines of IDs that are split off are
    named. Older servers ignore --distinct-ids and split all off: there, use --main-distinct-id.

    \b
    Example:
      posthog-bulk split 018f0000-0000-7000-8000-000000000001 --distinct-ids strangers.txt
    """
    import anyio

    from bulk.cli.approval import can_prompt
    from bulk.cli.exit_codes import ExitCode
    from bulk.cli.interruption import explained, nothing_kept, same_command_line
    from bulk.cli.job_session import CommandOutput, run_with_client
    from bulk.errors import Refused
    from bulk.execution.splitting.person_split import check_count, read_split, send_split, usable
    from bulk.files.content_meter import ContentMeter
    from bulk.formatting import count_of
    from bulk.sanitize import plain
    from bulk.selection.input_lines import read_lines
    from bulk.selection.selections import ByDistinctIds

    if (distinct_ids is None) == (main_distinct_id is None):
        raise click.UsageError("give either --distinct-ids or --main-distinct-id")
    if yes and expect_count is None:
        raise click.UsageError("--yes needs --expect-count")
    lines = []
    if distinct_ids is not None:
        source = sys.stdin.buffer if distinct_ids == "-" else Path(distinct_ids)
        lines = usable(list(read_lines(ByDistinctIds(source, allow_shared_ids=True), ContentMeter())))

    async def read(client: "PostHogClient", _: "Stopper", __: "Display") -> "tuple[PersonSplit, str]":
        if not isinstance(client.project_id, int):
            raise Refused("a split needs a project number: @current can change at any moment", "set the project ID")
        project = await client.projects.get(client.project_id)
        found = await read_split(client, person, main=main_distinct_id, lines=lines)
        return found, f"project {project.id} ({plain(project.name)}) on {plain(client.origin)}"

    with explained(nothing_kept):
        split, where = run_with_client(settings, read, json=False)
    count, output = len(split.distinct_ids), CommandOutput(json=json)
    check_count(split, expect_count)
    if not count:
        click.echo("Nothing to split: the person has only this distinct ID", err=json)
        return ExitCode.DONE
    what = f"split {count_of(count, 'distinct ID')} off person {person} in {where}"
    if not yes:
        if not can_prompt():
            raise Refused(f"to {what} is not approved", f"add --yes --expect-count {count}")
        _ask(f"About to {what}. Each becomes a person of its own.", count)

    async def send(client: "PostHogClient", _: "Stopper", __: "Display") -> bool:
        return await send_split(client, split, wait_s=wait_s, sleep=anyio.sleep)

    with explained(lambda: f"The split may have been sent. To see what is left:\n  {same_command_line()}"):
        is_visible = run_with_client(settings, send, json=False)
    output.write_event("split", person=str(person), count=count, confirmed=is_visible)
    said = "split off (confirmed by reading back)" if is_visible else "not split off yet; read the person again later"
    click.echo(f"{count_of(count, 'distinct ID')} {said}", err=json)
    return ExitCode.DONE if is_visible else ExitCode.RUN_AGAIN


def _ask(what: str, count: int) -> None:
    """Ask for the number of distinct IDs.

    Raises:
        Refused: the user typed another number, or nothing.
    """
    from bulk.cli.approval import WARNING
    from bulk.cli.streams.input import standard_input
    from bulk.errors import Refused

    say = partial(click.echo, nl=False, err=True)
    say(f"\n{what}\n\n  {WARNING}\n\nType the number of distinct IDs to continue: ")
    typed = standard_input(sys.stdin).readline().decode(errors="replace")
    if typed.strip().replace(",", "") != str(count):
        raise Refused("not approved; nothing was sent", "run the same command again to be asked again")
