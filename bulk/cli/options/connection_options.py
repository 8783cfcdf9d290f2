"""The options that commands share, and the settings that come of them. Sends nothing.

An option wins over the environment. The key is never an option: argv is public.
"""

import math
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
import msgspec

if TYPE_CHECKING:
    from asyncclient import PostHogClient

F = TypeVar("F", bound=Callable[..., Any])

HOST = "POSTHOG_HOST"
PROJECT_ID = "POSTHOG_PROJECT_ID"
KEY = "POSTHOG_PERSONAL_API_KEY"
KEY_FILE = "POSTHOG_PERSONAL_API_KEY_FILE"

FILE = click.Path(path_type=Path)


class Seconds(click.FloatRange):
    """A finite number of seconds from 0: nothing can be waited for until infinity, or until what is no number."""

    def __init__(self) -> None:
        super().__init__(0)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return the seconds.

        Raises:
            BadParameter: it is no number of that kind.
        """
        seconds: float = super().convert(value, param, ctx)
        if not math.isfinite(seconds):
            self.fail(f"{value} is no number of seconds.", param, ctx)
        return seconds


POSTHOG = "posthog"
"""The rate limits that PostHog enforces for the kind of key."""
MOST_AT_ONCE = 256
"""Batches under way, and connections for them."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Which server, which project, whose key, how fast. None means: as the environment says."""

    host: str | None = None
    project_id: str | None = None
    key_file: Path | None = None
    allow_http: bool = False
    rate_limits: str = POSTHOG

    def environment(self, environ: Mapping[str, str]) -> dict[str, str]:
        """The environment with what was given as an option in it.

        Raises:
            UsageError: an option was given without a value.
        """
        for option, given in (("--host", self.host), ("--project-id", self.project_id)):
            if given is not None and not given.strip():
                # an unset shell variable must not send the key to the default host
                raise click.UsageError(f"{option} is empty: give a value, or leave it out for the environment's")
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
        """The project as named, for a file's name."""
        return self.environment(environ).get(PROJECT_ID, "project")

    def client(self, environ: Mapping[str, str] | None = None) -> "PostHogClient":
        """Return a client that is not open yet.

        Raises:
            InvalidArgument: a setting is missing or wrong; one sentence says which.
        """
        from asyncclient import Limits, PostHogClient, RateLimits

        merged = self.environment(os.environ if environ is None else environ)
        extra: dict[str, Any] = {"allow_http": True} if self.allow_http else {}
        rates = RateLimits.parse(self.rate_limits)
        if self.rate_limits != POSTHOG:  # PostHog's own depend on the kind of key, which the client looks at
            extra["limits"] = Limits(rates)
        return PostHogClient.from_env(merged, max_connections=MOST_AT_ONCE, **extra)

    def rates(self, environ: Mapping[str, str] | None = None) -> str:
        """The rate limits that a client of these settings keeps to, as text; as given where it cannot be made."""
        from asyncclient import InvalidArgument

        try:
            return str(self.client(environ).limits.rates)
        except InvalidArgument:
            return self.rate_limits


class Running(msgspec.Struct, frozen=True, kw_only=True):
    """How a job is run."""

    concurrency: int = 8
    batch_size: int = 250
    wait_s: float = 900.0
    max_targets: int | None = None
    json: bool = False


def settings_options(command: F) -> F:
    """Add --host, --project-id, --key-file, --rate-limits; the command gets `settings`."""
    return gather_options(
        command,
        "settings",
        Settings,
        click.option("--host", metavar="HOST", help="us, eu, or the URL of a self-hosted instance"),
        click.option("--project-id", metavar="N", help="Project ID"),
        click.option("--key-file", type=FILE, metavar="FILE", help="File that holds the personal API key"),
        click.option("--allow-http", is_flag=True, help="Allow plain http to a host other than this machine"),
        click.option(
            "--rate-limits",
            metavar="LIMITS",
            default=POSTHOG,
            show_default=True,
            help="posthog (what PostHog enforces for the kind of key), user (180 per minute and 1,200 per hour), off, "
            "or limits such as 480/min,4800/hour,240/min,1200/hour: the first two for deletions, the others for "
            "reads and changes; the last can be left out",
        ),
    )


def running_options(command: F) -> F:
    """Add --concurrency, --batch-size, --wait, --max-targets, --json; the command gets `running`."""
    return gather_options(
        command,
        "running",
        Running,
        click.option(
            "--concurrency",
            type=click.IntRange(1, MOST_AT_ONCE),
            default=8,
            show_default=True,
            metavar="N",
            help="Batches processed in parallel",
        ),
        click.option(
            "--batch-size",
            type=click.IntRange(1, 1000),
            default=250,
            show_default=True,
            metavar="N",
            help="Persons per bulk request",
        ),
        click.option(
            "--wait",
            "wait_s",
            type=Seconds(),
            default=900.0,
            show_default=True,
            metavar="SECONDS",
            help="Wait this long for the server to apply changes before leaving the rest pending",
        ),
        click.option(
            "--max-targets",
            type=click.IntRange(0),
            metavar="N",
            help="Refuse a plan with more targets",
        ),
        json_option,
    )


json_option = click.option(
    "--json", "json", is_flag=True, help="Write events as JSON lines to stdout and messages for people to stderr"
)
expect_count_option = click.option(
    "--expect-count", type=click.IntRange(0), metavar="N", help="Refuse a plan with any other number of targets"
)


def gather_options(command: F, name: str, build: Callable[..., Any], *options: Callable[[Any], Any]) -> F:
    """Add options to a command function, which gets them as one argument.

    Args:
        command: the function, before `click.command`.
        name: of the argument.
        build: called with the options by keyword.
        options: decorators of click, in the order of the help.
    """
    names: list[str] = []

    def gathered(**arguments: Any) -> Any:
        own = {key: arguments.pop(key) for key in names}
        return command(**arguments, **{name: build(**own)})

    params = list(getattr(command, "__click_params__", []))
    gathered.__doc__ = command.__doc__
    gathered.__name__ = command.__name__
    for option in reversed(options):
        option(gathered)
    own_params = getattr(gathered, "__click_params__", [])
    names += [param.name for param in own_params]
    gathered.__click_params__ = params + own_params  # type: ignore[attr-defined]
    return gathered  # type: ignore[return-value]
