"""Settings: reads and checks the host, the project, the key and the token. Sends nothing.

A key is never a command line argument, because other users can see those; it is in the environment or in a private
file.
"""

import ipaddress
import os
import re
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

import msgspec

from asyncclient._secret import Secret
from asyncclient.errors import InvalidArgument, shown

REGIONS = {"us": "https://us.posthog.com", "eu": "https://eu.posthog.com"}
INGESTION_HOSTS = {"us.i.posthog.com": "us", "eu.i.posthog.com": "eu"}
INGESTION_ORIGINS = {
    "https://us.posthog.com": "https://us.i.posthog.com",
    "https://app.posthog.com": "https://us.i.posthog.com",
    "https://eu.posthog.com": "https://eu.i.posthog.com",
}
"""The ingestion host of each PostHog Cloud host; a self-hosted instance accepts events itself (contract 12)."""
MAX_KEY = 512

_NAME = re.compile(r"[a-z0-9_-]+(\.[a-z0-9_-]+)*")
_LOOKS_LIKE_KEY = re.compile(r"ph[a-z]_\w{8,}$")

HOST = "POSTHOG_HOST"
PROJECT_ID = "POSTHOG_PROJECT_ID"
KEY = "POSTHOG_PERSONAL_API_KEY"
KEY_FILE = "POSTHOG_PERSONAL_API_KEY_FILE"
PROJECT_KEY = "POSTHOG_PROJECT_API_KEY"


def parse_origin(host: str, *, allow_http: bool = False) -> str:
    """Return the origin for `us`, `eu` or the URL of an instance.

    Arguments:
        host: "us", "eu" or a URL.
        allow_http: accept plain http to other machines, which shows the key to the network.

    Returns:
        Scheme, host and, unless it is the default, port.

    Raises:
        InvalidArgument: the host is none of these, or has more than a scheme, a host and a port.
    """
    origin = _origin(host, allow_http=allow_http)
    name = origin.removeprefix("https://")
    if name in INGESTION_HOSTS:
        region = INGESTION_HOSTS[name]
        raise InvalidArgument(f"{name} accepts captured events only: give {region}, which is {REGIONS[region]}")
    return origin


def parse_ingest_origin(host: str | None, origin: str, *, allow_http: bool = False) -> str:
    """Return the origin that captured events are sent to (contract 12).

    Arguments:
        host: "us", "eu" or a URL; None for the ingestion host of `origin`.
        origin: the origin of the API.
        allow_http: as in `parse_origin`.

    Returns:
        The ingestion host of PostHog Cloud, or else the instance itself.

    Raises:
        InvalidArgument: as in `parse_origin`.
    """
    chosen = (
        origin if host is None else _origin(host, allow_http=allow_http, which="ingestion host", by="--ingest-host")
    )
    return INGESTION_ORIGINS.get(chosen, chosen)


def _origin(host: str, *, allow_http: bool, which: str = "host", by: str = f"{HOST} or --host") -> str:
    """Return the origin of a host; errors call it `which`, and `by` names the settings that correct it."""
    text = host.strip() if isinstance(host, str) else host
    if not isinstance(text, str) or not text.isascii() or not text.isprintable() or " " in text:
        raise InvalidArgument(f"{which} {shown(host)} is neither us, eu, nor a URL in plain ASCII: correct {by}")
    if text.lower() in REGIONS:
        return REGIONS[text.lower()]
    try:
        parts = urlsplit(text)
        name, port = (parts.hostname or "").removesuffix("."), parts.port
    except ValueError:
        raise InvalidArgument(
            f"the {which} is not a URL: give us, eu, or a URL such as https://posthog.example.com"
        ) from None
    if "@" in parts.netloc:
        raise InvalidArgument(f"the {which} contains user information: give the URL without the part before the @")
    if parts.scheme not in ("http", "https") or not _is_name(name) or port == 0:
        raise InvalidArgument(
            f"{which} {shown(host)} is neither us, eu, nor a URL that starts with https://: "
            f"{_suggestion(text) or f'correct {by}'}"
        )
    written = f"[{name}]" if ":" in name else name
    default = {"http": 80, "https": 443}[parts.scheme]
    origin = f"{parts.scheme}://{written}" if port in (None, default) else f"{parts.scheme}://{written}:{port}"
    if parts.path not in ("", "/") or "?" in text or "#" in text:
        raise InvalidArgument(f"the {which} has more than a scheme, a name and a port: give {origin}")
    if parts.scheme == "http" and not allow_http and not _is_loopback(name):
        raise InvalidArgument(
            f"plain http to {name} would show the key to the network: use https://, or allow it with --allow-http "
            "(in Python: allow_http=True)"
        )
    return origin


def check_key(key: Secret) -> None:
    """Check that a text can be a personal API key.

    Another function reads the text and raises nothing, so that no traceback contains it.

    Raises:
        InvalidArgument: it cannot be a personal API key; the message does not show it.
    """
    problem = _problem_of(key)
    if problem is not None:
        raise InvalidArgument(problem)


def _problem_of(key: Secret) -> str | None:
    text = key.reveal()
    if not isinstance(text, str) or not text:
        return f"no personal API key: set {KEY} or {KEY_FILE}, or give --key-file"
    if not text.isascii() or not text.isprintable() or " " in text:
        return (
            "the personal API key contains a line break, a space or another character that no key has: "
            "give the key alone"
        )
    if len(text) > MAX_KEY:
        return f"the personal API key has {len(text)} characters, more than any key has: give the key alone"
    for prefix, kind in (("phc_", "a project's public token"), ("phs_", "a project secret key")):
        if text.startswith(prefix):
            return f"the key is {kind} ({prefix}): create a personal API key (phx_)"
    return None


def check_token(token: Secret, key: Secret) -> None:
    """Check that a text can be a project's public token.

    Arguments:
        token: the text to check.
        key: the personal key, which must not be used as the token, since capture requests contain the token.

    Raises:
        InvalidArgument: it cannot be a project's token; the message does not show it.
    """
    problem = problem_of_token(token, key)
    if problem is not None:
        raise InvalidArgument(problem)


def problem_of_token(token: Secret, key: Secret) -> str | None:
    """Return what is wrong with a project's token, or None; the text does not show the token."""
    text = token.reveal()
    if not isinstance(text, str) or not text:
        return f"no project API key: leave it out to fetch it from the server, or set {PROJECT_KEY}"
    if not text.isascii() or not text.isprintable() or " " in text:
        return (
            "the project API key contains a line break, a space or another character that no project API key has: "
            "give the key alone"
        )
    if len(text) > MAX_KEY:
        return f"the project API key has {len(text)} characters, more than any project API key has: give the key alone"
    if text == key.reveal() or text.startswith(("phx_", "pha_", "phs_")):
        return "the project API key is a secret key: give the project's public token (phc_)"
    return None


def read_key_file(path: str | Path) -> Secret:
    """Read the key from a private file.

    Raises:
        InvalidArgument: the file cannot be read, or others can read it.
    """
    if _LOOKS_LIKE_KEY.match(str(path)):
        raise InvalidArgument(f"{KEY_FILE} contains what looks like a key: give the path of a file, or set {KEY}")
    read = _read_private(path)
    if isinstance(read, str):
        raise InvalidArgument(f"the key file {shown(str(path), 200)} {read}")
    return read


def _read_private(path: str | Path) -> Secret | str:
    """Return the key in a file, or what is wrong with the file."""
    try:
        descriptor = os.open(Path(path).expanduser(), os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except (OSError, ValueError, RuntimeError) as error:
        return f"cannot be read: {getattr(error, 'strerror', None) or 'it is not a path'}"
    try:
        mode = os.fstat(descriptor).st_mode
        if not stat.S_ISREG(mode):
            return "is not a regular file"
        if mode & 0o077:
            return "can be read by others: run chmod 600 on it and create a new key"
        text = os.read(descriptor, MAX_KEY * 2)
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    finally:
        os.close(descriptor)
    return Secret(text.decode("latin-1").removesuffix("\n").removesuffix("\r"))


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """The settings in the environment, the key unchecked; None for each variable that is not set."""

    host: str | None
    project_id: str | None
    key: Secret | None
    key_file: str | None
    token: Secret | None

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> Self:
        """Read the settings from an environment; an empty variable counts as not set, but an empty host is refused."""
        key, token = environ.get(KEY), environ.get(PROJECT_KEY)
        return cls(
            host=environ.get(HOST),
            project_id=environ.get(PROJECT_ID) or None,
            key=Secret(key) if key else None,
            key_file=environ.get(KEY_FILE) or None,
            token=Secret(token) if token else None,
        )

    def read_host(self) -> str:
        """The host that the environment names; us where it names none.

        Raises:
            InvalidArgument: it is set and empty.
        """
        if self.host is None:
            return "us"
        if not self.host.strip():
            raise InvalidArgument(f"{HOST} is set but empty: give it a value (us, eu or a URL), or unset it to use us")
        return self.host

    def read_key(self) -> Secret:
        """Return the key that the environment names; two keys are refused, because it is not clear which one is meant.

        Raises:
            InvalidArgument: there is no key, there are two, or the file cannot be used.
        """
        if self.key is not None and self.key_file is not None:
            raise InvalidArgument(f"{KEY} and {KEY_FILE} are both set: unset one")
        if self.key_file is not None:
            return read_key_file(self.key_file)
        if self.key is None:
            raise InvalidArgument(f"no personal API key: set {KEY} or {KEY_FILE}, or give --key-file")
        return self.key


def _suggestion(text: str) -> str:
    """Return what is meant by a host without a scheme; empty for anything else."""
    name = text.lower().rstrip("/")
    if "." not in name or not _is_name(name):
        return ""
    region = next((region for region, origin in REGIONS.items() if origin == f"https://{name}"), None)
    return f"did you mean {f'{region} or ' if region else ''}https://{name}?"


def _is_name(name: str) -> bool:
    """Return whether a host name contains nothing that has another meaning in a URL."""
    if ":" in name:
        try:
            ipaddress.IPv6Address(name)
        except ValueError:
            return False
        return "%" not in name
    return _NAME.fullmatch(name) is not None


def _is_loopback(name: str) -> bool:
    if name == "localhost":
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False
