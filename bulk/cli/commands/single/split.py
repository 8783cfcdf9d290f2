"""`posthog-bulk split`: splits distinct IDs off a person, so that each becomes a person of its own."""

import sys
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
    from bulk.cli.signals.event_loop import Stopper
    from bulk.execution.splitting.person_split import PersonSplit
    from bulk.selection.inputs.line_checks import Line


@help_command("split")
@click.argument("person", type=click.UUID)
@option("--distinct-ids", metavar="FILE|-", help="Split off the distinct IDs in this file, one per line; - for stdin")
@option("--main-distinct-id", metavar="ID", help="Keep only this distinct ID, and split off all others")
@option("--expect-count", type=WholeNumber(0), metavar="N", help="Refuse to split off any other number of distinct IDs")
@option("--yes", is_flag=True, help="Do not ask for approval; requires --expect-count")
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

    PERSON keeps its properties and all other distinct IDs. This is for persons that were merged by mistake, and cannot
    be undone. The call is sent once; if its outcome is not known, run the same command again: it leaves out the IDs
    that were split off already. Older servers ignore --distinct-ids and split all IDs off: use --main-distinct-id
    there.

    \b
    Example:
      posthog-bulk split 018f0000-0000-7000-8000-000000000001 --distinct-ids ids
    """
    from bulk.cli.exit_codes import ExitCode
    from bulk.cli.job_session import CommandOutput, run_with_client
    from bulk.cli.signals.explanations import explain_interruption, nothing_kept, same_command_line
    from bulk.execution.splitting.person_split import check_count, send_split
    from bulk.formatting import count_of

    if (distinct_ids is None) == (main_distinct_id is None):
        raise click.UsageError("give either --distinct-ids or --main-distinct-id")
    if yes and expect_count is None:
        raise click.UsageError("--yes requires --expect-count N, the number of distinct IDs that you expect")
    lines = [] if distinct_ids is None else _read_distinct_ids(distinct_ids)
    retry_for_s, output = settings.retry_for_s, CommandOutput(json=json)

    async def read(client: "PostHogClient", _: "Stopper", display: "Display") -> "tuple[PersonSplit, str]":
        return await _read(client, person, main_distinct_id, lines, retry_for_s=retry_for_s, display=display)

    with explain_interruption(nothing_kept):
        split, where = run_with_client(settings, read, json=json)
    count = len(split.distinct_ids)
    check_count(split, expect_count)
    if not count:
        output.write_event("split", person=str(person), count=0, confirmed=True)
        click.echo(f"Nothing to split: {_nothing_left(split)}", err=json)
        return ExitCode.DONE
    if not yes:
        with explain_interruption(nothing_kept):
            _ask(split, f"{count_of(count, 'distinct ID')} off person {person} in {where}")

    async def send(client: "PostHogClient", _: "Stopper", display: "Display") -> bool:
        return await send_split(client, split, wait_s=wait_s, retry_for_s=retry_for_s, on_progress=display)

    with explain_interruption(lambda: f"The split may have been sent. To see what is left:\n  {same_command_line()}"):
        is_visible = run_with_client(settings, send, json=json)
    output.write_event("split", person=str(person), count=count, confirmed=is_visible)
    said = "split off (confirmed by reading back)" if is_visible else "not split off yet; read the person again later"
    click.echo(f"{count_of(count, 'distinct ID')} {said}", err=json)
    return ExitCode.DONE if is_visible else ExitCode.RUN_AGAIN


def _read_distinct_ids(source: str) -> "list[Line]":
    """Return the lines of a file, or of stdin for "-"; raises InputError."""
    from bulk.files.content_meter import ContentMeter
    from bulk.selection.input_lines import read_lines, require_usable
    from bulk.selection.selections import ByDistinctIds

    file = sys.stdin.buffer if source == "-" else Path(source)
    return require_usable(read_lines(ByDistinctIds(file, allow_shared_ids=True), ContentMeter()))


async def _read(
    client: "PostHogClient",
    person: UUID,
    main: str | None,
    lines: "list[Line]",
    *,
    retry_for_s: float,
    display: "Display",
) -> "tuple[PersonSplit, str]":
    """Return what is to be split off, and the project in words; only reads.

    Raises:
        Refused: the project has no number, or the person cannot be split like this.
        PostHogError: the server did not respond for too long, or responded with an error.
    """
    from bulk.concurrency.outages import with_outage_wait
    from bulk.errors import Refused
    from bulk.execution.splitting.person_split import read_split
    from bulk.sanitize import plain

    if not isinstance(client.project_id, int):
        raise Refused("a split needs a project number: @current can change at any moment", "set the project ID")
    split = await read_split(client, person, main=main, lines=lines, retry_for_s=retry_for_s, on_progress=display)
    waiting = with_outage_wait(client, retry_for_s, on_outage=display)
    project = await waiting.projects.get(client.project_id)
    return split, f"project {project.id} ({plain(project.name)}) on {plain(client.origin)}"


def _nothing_left(split: "PersonSplit") -> str:
    """Return why there is no distinct ID to split off."""
    from bulk.formatting import count_of

    if not split.done:
        return "the person has only this distinct ID"
    if split.done == 1:
        return "1 distinct ID is a person of its own already"
    return f"{count_of(split.done, 'distinct ID')} are persons of their own already"


def _ask(split: "PersonSplit", what: str) -> None:
    """Ask for the number of distinct IDs.

    Raises:
        Refused: there is no terminal, or the user typed another number or nothing.
    """
    from bulk.cli.approval import ask_at_terminal, can_prompt
    from bulk.errors import Refused
    from bulk.formatting import parse_count

    count = len(split.distinct_ids)
    if not can_prompt():
        parts = f" ({count:,} to split off, {split.done:,} split off already)" if split.done else ""
        raise Refused(
            f"splitting {what} is not approved; nothing was sent", f"add --yes --expect-count {split.count}{parts}"
        )
    question = f"About to split {what}. Each becomes a person of its own."
    typed = ask_at_terminal(question, "Type the number of distinct IDs to continue: ")
    if parse_count(typed) != count:
        raise Refused("not approved; nothing was sent", "run the same command again to be asked again")
