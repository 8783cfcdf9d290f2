"""The options for connecting to PostHog and for running a job. Sends nothing.

The key itself is never an option, because other users can read command lines.
"""

from collections.abc import Callable
from typing import Any, TypeVar

import click
import msgspec
from click.shell_completion import CompletionItem

from bulk.cli.options.help_layout import Duration, FilePath, HelpOption, Seconds, WholeNumber, option
from bulk.cli.options.profiles import FILE_NAME, profile_names, profiles_file
from bulk.cli.options.settings import MAX_CONCURRENCY, build_settings

F = TypeVar("F", bound=Callable[..., Any])

FILE = FilePath()

JOURNAL_HELP = "Journal of the job (default: NAME.journal.jsonl for a plan NAME.plan.jsonl)"
PLAN_HELP = "Plan of the job (default: NAME.plan.jsonl for a journal NAME.journal.jsonl)"
OPTIONAL_PLAN_HELP = (
    "Plan of the job, for the name of the project and the input check (default: NAME.plan.jsonl for a journal "
    "NAME.journal.jsonl, if it exists)"
)


class RunOptions(msgspec.Struct, frozen=True, kw_only=True):
    """How a job runs."""

    concurrency: int = 8
    batch_size: int = 250
    wait_s: float = 900.0
    max_targets: int | None = None
    json: bool = False


class Expected(msgspec.Struct, frozen=True, kw_only=True):
    """The numbers that the user expects of a plan; None where nothing is expected."""

    expect_count: int | None = None
    expect_lines: int | None = None
    expect_unmatched: int | None = None


def settings_options(command: F) -> F:
    """Add the options for connecting, such as --host, --rate-limits and --retry-for; the command gets `settings`."""
    return gather_options(
        command,
        "settings",
        build_settings,
        option(
            "--profile",
            metavar="NAME",
            shell_complete=_complete_profile,
            help=f"Use the settings of this profile in {FILE_NAME}, which is in your configuration folder",
        ),
        option("--host", metavar="HOST", help="us, eu, or the URL of a self-hosted instance"),
        option("--project-id", metavar="N", help="Project ID"),
        option("--key-file", type=FILE, metavar="FILE", help="File that holds the personal API key"),
        option(
            "--ingest-host",
            metavar="HOST",
            help="Host that receives captured events (default: the one that belongs to --host)",
        ),
        option("--proxy", metavar="URL", help="Send all requests through this proxy"),
        option("--ca-file", type=FILE, metavar="FILE", help="Also trust the certificates in this PEM file"),
        option("--allow-http", is_flag=True, help="Allow plain http to a host other than this machine"),
        option(
            "--rate-limits",
            metavar="LIMITS",
            help="Rate limits to stay within. posthog: those of PostHog for this key; user: 180 requests per minute "
            "and 1,200 per hour; off: none; or your own: deletions per minute and per hour, then other requests per "
            "minute and, if wanted, per hour, with off for no limit, as in 480/min,4800/hour,240/min,1200/hour "
            "(default: posthog)",
        ),
        option(
            "--limits-file",
            type=FILE,
            metavar="FILE",
            help="Share the rate limits of the key with all commands on this machine that name the same file, which "
            "is created if it does not exist (default: each command uses the limits as if it were the only one)",
        ),
        option(
            "--retry-for",
            "retry_for_s",
            type=Duration(),
            metavar="DURATION",
            help="Wait this long for a server that does not respond, then end with exit code 75. With 0, do "
            "not wait; only reads are retried, a few times within seconds (default: 15min)",
        ),
        section="Connection",
    )


def run_options(command: F) -> F:
    """Add --concurrency, --batch-size, --wait, --max-targets and --json; the command gets `run_options`."""
    return gather_options(
        command,
        "run_options",
        RunOptions,
        option(
            "--concurrency",
            type=WholeNumber(1, MAX_CONCURRENCY),
            default=8,
            metavar="N",
            help="Batches processed in parallel",
        ),
        option("--batch-size", type=WholeNumber(1, 1000), default=250, metavar="N", help="Persons per bulk request"),
        option(
            "--wait",
            "wait_s",
            type=Seconds(),
            default=900.0,
            metavar="SECONDS",
            help="Wait this long for the server to apply changes, then leave the rest pending",
        ),
        option("--max-targets", type=WholeNumber(0), metavar="N", help="Refuse a plan with more persons than this"),
        json_option,
        section="Running",
    )


def planning_options(command: F) -> F:
    """Add --concurrency and --batch-size of a command that plans and sends nothing."""
    concurrency = option("--concurrency", type=WholeNumber(1, 64), default=4, metavar="N", help="Requests in parallel")
    batch_size = option(
        "--batch-size",
        type=WholeNumber(1, 1000),
        default=250,
        metavar="N",
        help="Persons per bulk request, only for the estimate",
    )
    return concurrency(batch_size(command))


def _complete_profile(_: click.Context, __: click.Parameter, incomplete: str) -> list[CompletionItem]:
    return [CompletionItem(name) for name in profile_names(profiles_file()) if name.startswith(incomplete)]


json_option = option(
    "--json", "json", is_flag=True, help="Write events as JSON lines to stdout and messages for people to stderr"
)
expect_unmatched_option = option(
    "--expect-unmatched",
    type=WholeNumber(0),
    metavar="N",
    help="Confirm that N input lines have no person in PostHog; they then count as covered. Refuse any other number",
)


def expect_options(command: F) -> F:
    """Add --expect-count, --expect-lines and --expect-unmatched; the command gets them as `expected`."""
    number = WholeNumber(0)
    return gather_options(
        command,
        "expected",
        Expected,
        option("--expect-count", type=number, metavar="N", help="Refuse a plan with any other number of persons"),
        option(
            "--expect-lines", type=number, metavar="N", help="Refuse a plan whose input has any other number of lines"
        ),
        expect_unmatched_option,
    )


def gather_options(
    command: F, name: str, build: Callable[..., Any], *options: Callable[[Any], Any], section: str | None = None
) -> F:
    """Add options to a command function, which gets them as one argument.

    Arguments:
        command: the function, before `click.command`.
        name: of the argument.
        build: called with the options by keyword; returns the argument.
        options: decorators of click, in the order of the help.
        section: title of their section in the help; None for the options of the command itself.
    """
    names: list[str] = []

    def gathered(**arguments: Any) -> Any:
        own = {key: arguments.pop(key) for key in names}
        return command(**arguments, **{name: build(**own)})

    params = list(getattr(command, "__click_params__", []))
    gathered.__doc__ = command.__doc__
    gathered.__name__ = command.__name__
    for decorator in reversed(options):
        decorator(gathered)
    own_params = getattr(gathered, "__click_params__", [])
    names += [param.name for param in own_params]
    for param in own_params:
        if section is not None and isinstance(param, HelpOption):
            param.section = section
    gathered.__click_params__ = params + own_params  # type: ignore[attr-defined]
    return gathered  # type: ignore[return-value]
