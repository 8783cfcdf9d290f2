"""The options for connecting to PostHog and for running a job, and the settings made from them. Sends nothing.

An option overrides the environment. The key itself is never an option, because other users can read command lines.
"""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
import msgspec

from bulk.cli.options.help_layout import Duration, HelpOption, Seconds, WholeNumber, option

if TYPE_CHECKING:
    from asyncclient import PostHogClient

F = TypeVar("F", bound=Callable[..., Any])

HOST = "POSTHOG_HOST"
PROJECT_ID = "POSTHOG_PROJECT_ID"
KEY = "POSTHOG_PERSONAL_API_KEY"
KEY_FILE = "POSTHOG_PERSONAL_API_KEY_FILE"

FILE = click.Path(path_type=Path)


POSTHOG = "posthog"
"""The value of --rate-limits for the limits that PostHog applies to the kind of key."""
MAX_CONCURRENCY = 256
"""Batches processed in parallel, and the connections for them."""
JOURNAL_HELP = "Journal of the job (default: NAME.journal.jsonl for a plan NAME.plan.jsonl)"
PLAN_HELP = "Plan of the job (default: NAME.plan.jsonl for a journal NAME.journal.jsonl)"


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """How to connect to PostHog; None stands for the setting of the environment."""

    host: str | None = None
    project_id: str | None = None
    key_file: Path | None = None
    allow_http: bool = False
    rate_limits: str = POSTHOG
    retry_for_s: float = 900.0

    def environment(self, environ: Mapping[str, str]) -> dict[str, str]:
        """Return the environment, overridden by the options that were given.

        Raises:
            UsageError: an option was given without a value.
        """
        for name, given in (("--host", self.host), ("--project-id", self.project_id)):
            if given is not None and not given.strip():
                # an unset shell variable must not send the key to the default host
                raise click.UsageError(f"{name} is empty: give a value, or leave it out to use the environment")
        merged = dict(environ)
        if self.host is not None:
            merged[HOST] = self.host
        if self.project_id is not None:
            merged[PROJECT_ID] = self.project_id
        if self.key_file is not None:
            merged.pop(KEY, None)
            merged[KEY_FILE] = str(self.key_file)
        return merged

    def project(self, environ: Mapping[str, str]) -> str:
        """Return the project ID as given, for the name of a file."""
        return self.environment(environ).get(PROJECT_ID, "project")

    def client(self, environ: Mapping[str, str] | None = None) -> "PostHogClient":
        """Return a client that is not open yet.

        Raises:
            InvalidArgument: a setting is missing or invalid.
        """
        from asyncclient import Limits, PostHogClient, RateLimits

        merged = self.environment(os.environ if environ is None else environ)
        extra: dict[str, Any] = {"allow_http": True} if self.allow_http else {}
        rates = RateLimits.parse(self.rate_limits)
        if self.rate_limits != POSTHOG:  # the client knows PostHog's own limits for each kind of key
            extra["limits"] = Limits(rates)
        return PostHogClient.from_env(merged, max_connections=MAX_CONCURRENCY, **extra)

    def rates(self, environ: Mapping[str, str] | None = None) -> str:
        """Return the rate limits that a client with these settings keeps, as text for `RateLimits.parse`."""
        from asyncclient import InvalidArgument

        try:
            return str(self.client(environ).limits.rates)
        except InvalidArgument:
            return self.rate_limits


class RunOptions(msgspec.Struct, frozen=True, kw_only=True):
    """How a job runs."""

    concurrency: int = 8
    batch_size: int = 250
    wait_s: float = 900.0
    max_targets: int | None = None
    json: bool = False


def settings_options(command: F) -> F:
    """Add the options for connecting, such as --host, --rate-limits and --retry-for; the command gets `settings`."""
    return gather_options(
        command,
        "settings",
        Settings,
        option("--host", metavar="HOST", help="us, eu, or the URL of a self-hosted instance"),
        option("--project-id", metavar="N", help="Project ID"),
        option("--key-file", type=FILE, metavar="FILE", help="File that holds the personal API key"),
        option("--allow-http", is_flag=True, help="Allow plain http to a host other than this machine"),
        option(
            "--rate-limits",
            metavar="LIMITS",
            default=POSTHOG,
            help="Send at most this many requests. posthog: as many as PostHog accepts from this kind of key; "
            "user: 180 per minute and 1,200 per hour; off: any number; or your own numbers, as in "
            "480/min,4800/hour,240/min: deletions per minute, deletions per hour, other requests per minute and, "
            "if you add a fourth, other requests per hour",
        ),
        option(
            "--retry-for",
            "retry_for_s",
            type=Duration(),
            metavar="DURATION",
            default="15min",
            help="Wait this long for a server that does not respond, then end with exit code 75; 0 to end at once",
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


json_option = option(
    "--json", "json", is_flag=True, help="Write events as JSON lines to stdout and messages for people to stderr"
)
expect_count_option = option(
    "--expect-count", type=WholeNumber(0), metavar="N", help="Refuse a plan with any other number of persons"
)


def gather_options(
    command: F, name: str, build: Callable[..., Any], *options: Callable[[Any], Any], section: str | None = None
) -> F:
    """Add options to a command function, which gets them as one argument.

    Args:
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
