"""How to connect to PostHog: options override the profile, which overrides the environment. Sends nothing."""

import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import click
import msgspec

from bulk.cli.options.key_command import KeyCommand
from bulk.cli.options.profiles import Profile, load_profile, profiles_file
from bulk.sanitize import plain

if TYPE_CHECKING:
    from ssl import SSLContext

    from asyncclient import PostHogClient

HOST = "POSTHOG_HOST"
PROJECT_ID = "POSTHOG_PROJECT_ID"
KEY = "POSTHOG_PERSONAL_API_KEY"
KEY_FILE = "POSTHOG_PERSONAL_API_KEY_FILE"

POSTHOG = "posthog"
"""The value of --rate-limits for the limits that PostHog applies to the kind of key."""
RETRY_FOR_S = 900.0
"""Seconds for which a server that does not respond is waited for, unless --retry-for says otherwise."""
MAX_CONCURRENCY = 256
"""Batches processed in parallel, and the connections for them."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """How to connect to PostHog; None stands for the setting of the environment, or the client's default."""

    host: str | None = None
    project_id: str | None = None
    key_file: Path | None = None
    key_command: KeyCommand | None = None
    ingest_host: str | None = None
    proxy: str | None = None
    ca_file: Path | None = None
    allow_http: bool = False
    rate_limits: str = POSTHOG
    limits_file: Path | None = None
    retry_for_s: float = RETRY_FOR_S

    def environment(self, environ: Mapping[str, str]) -> dict[str, str]:
        """Return the environment, overridden by these settings."""
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

    def uses_default_host(self, environ: Mapping[str, str]) -> bool:
        """Return whether no option, profile or variable names a host, so that it is PostHog Cloud US."""
        return HOST not in self.environment(environ)

    def client(self, environ: Mapping[str, str] | None = None) -> "PostHogClient":
        """Return a client that is not open yet.

        Raises:
            InvalidArgument: a setting is missing or invalid.
            UsageError: the file of certificates cannot be used, or the key command fails.
        """
        from asyncclient import Limits, PostHogClient, RateLimits

        merged = self.environment(os.environ if environ is None else environ)
        # the client knows PostHog's own limits for each kind of key
        rates = None if self.rate_limits == POSTHOG else RateLimits.parse(self.rate_limits)
        return PostHogClient.from_env(
            merged,
            personal_api_key=None if self.key_command is None else self.key_command.read(),
            ingest_host=self.ingest_host,
            limits=Limits(rates, file=self.limits_file) if rates is not None or self.limits_file is not None else None,
            max_connections=MAX_CONCURRENCY,
            allow_http=self.allow_http,
            ssl=None if self.ca_file is None else trusting(self.ca_file),
            proxy=self.proxy,
        )

    def rates(self, environ: Mapping[str, str] | None = None) -> str:
        """Return the rate limits that a client with these settings keeps, as text for `RateLimits.parse`."""
        from asyncclient import InvalidArgument

        try:
            # only an open client knows which limits a file has for the kind of key
            return str(msgspec.structs.replace(self, limits_file=None).client(environ).limits.rates)
        except InvalidArgument:
            return self.rate_limits


def build_settings(*, profile: str | None, **options: Any) -> Settings:
    """Return the settings of the options and of a profile; the options win.

    Arguments:
        profile: the name of the profile, if any.
        options: fields of `Settings` as given; None or False where an option was not given.

    Raises:
        UsageError: an option was given without a value, or the profile cannot be used.
    """
    for name in ("host", "project_id", "ingest_host", "proxy"):
        if options.get(name) is not None and not options[name].strip():
            # an unset shell variable must not send the key to the default host
            raise click.UsageError(
                f"--{name.replace('_', '-')} is empty: give a value, or leave it out to use the profile or environment"
            )
    chosen = Profile() if profile is None else load_profile(profile, profiles_file())
    if options.get("proxy") is not None:
        _check_proxy(options["proxy"])
    fields = msgspec.structs.asdict(chosen)
    if options.get("key_file") is not None:
        fields["key_command"] = None
    fields.update({name: value for name, value in options.items() if value is not None and value is not False})
    if fields["key_command"] is not None:
        fields["key_command"] = KeyCommand(fields["key_command"])
    return Settings(**{name: value for name, value in fields.items() if value is not None})


def trusting(ca_file: Path) -> "SSLContext":
    """Return a TLS context that trusts the certificates in a file, and those that the system trusts.

    Raises:
        UsageError: the file cannot be read, or holds no certificate.
    """
    import ssl

    context = ssl.create_default_context()
    try:
        if not stat.S_ISREG(ca_file.stat().st_mode):
            raise click.UsageError(f"the CA file {plain(ca_file)} is not a regular file: name one")
        context.load_verify_locations(cafile=os.fspath(ca_file))
    except ssl.SSLError:
        raise click.UsageError(
            f"the CA file {plain(ca_file)} holds no certificate in PEM form: "
            "give a file that has -----BEGIN CERTIFICATE-----"
        ) from None
    except OSError as error:
        raise click.UsageError(
            f"the CA file {plain(ca_file)} cannot be read: {error.strerror}; check the name"
        ) from None
    return context


def _check_proxy(url: str) -> None:
    """Check the URL of a proxy that is on the command line, which other users can read."""
    try:
        parts = urlsplit(url)
        is_url = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        is_url = is_url and parts.path in ("", "/") and not parts.query and not parts.fragment
    except ValueError:
        parts, is_url = urlsplit(""), False
    if "@" in url or parts.password:
        raise click.UsageError(
            "--proxy has a user or password, and other users can read command lines: set proxy in a profile instead"
        )
    if not is_url:
        raise click.UsageError(f"--proxy {plain(url)} is not a URL: give one such as http://proxy.example.com:3128")
