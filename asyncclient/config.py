"""Settings: which server, which project, which key and token; read and checked. Sends nothing.

A key is never an argument of a command, since argv is public; it is in the environment or in a private file.
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
"""Where PostHog Cloud takes captured events; a self-hosted instance takes them itself (contract 12)."""
MAX_KEY = 512

_NAME = re.compile(r"[a-z0-9_-]+(\.[a-z0-9_-]+)*")
_LOOKS_LIKE_KEY = re.compile(r"ph[a-z]_\w{8,}$")

HOST = "POSTHOG_HOST"
PROJECT_ID = "POSTHOG_PROJECT_ID"
KEY = "POSTHOG_PERSONAL_API_KEY"
KEY_FILE = "POSTHOG_PERSONAL_API_KEY_FILE"
PROJECT_KEY = "POSTHOG_PROJECT_API_KEY"


def parse_origin(host: str, *, allow_http: bool = False) -> str:
    """The origin for `us`, `eu` or the URL of an instance.

    Arguments:
        allow_http: take plain http to other machines; the key is readable on the way then.

    Raises:
        InvalidArgument: it is none of these, or holds more than scheme, host and port.
    """
    origin = _origin(host, allow_http=allow_http)
    name = origin.removeprefix("https://")
    if name in INGESTION_HOSTS:
        region = INGESTION_HOSTS[name]
        raise InvalidArgument(f"{name} takes captured events only: give {region}, which is {REGIONS[region]}")
    return origin


def parse_ingest_origin(host: str | None, origin: str, *, allow_http: bool = False) -> str:
    """The origin that captured events go to: PostHog's own for its cloud, else the instance's (contract 12).

    Arguments:
        host: us, eu or a URL, where it is another one than the instance's.
        origin: of the instance.
        allow_http: as in `parse_origin`.

    Raises:
        InvalidArgument: as `parse_origin`.
    """
    chosen = origin if host is None else _origin(host, allow_http=allow_http)
    return INGESTION_ORIGINS.get(chosen, chosen)


def _origin(host: str, *, allow_http: bool) -> str:
    text = host.strip() if isinstance(host, str) else host
    if not isinstance(text, str) or not text.isascii() or not text.isprintable() or " " in text:
        raise InvalidArgument(f"host {shown(host)} is neither us, eu, nor a URL in plain ASCII")
    if text.lower() in REGIONS:
        return REGIONS[text.lower()]
    try:
        parts = urlsplit(text)
        name, port = (parts.hostname or "").removesuffix("."), parts.port
    except ValueError:
        raise InvalidArgument(
            "the host is not a URL: give us, eu, or a URL such as https://posthog.example.com"
        ) from None
    if "@" in parts.netloc:
        raise InvalidArgument("the host holds user information: give the URL without what stands before the @")
    if parts.scheme not in ("http", "https") or not _is_name(name) or port == 0:
        raise InvalidArgument(f"host {shown(host)} is neither us, eu, nor a URL that starts with https://")
    written = f"[{name}]" if ":" in name else name
    default = {"http": 80, "https": 443}[parts.scheme]
    origin = f"{parts.scheme}://{written}" if port in (None, default) else f"{parts.scheme}://{written}:{port}"
    if parts.path not in ("", "/") or "?" in text or "#" in text:
        raise InvalidArgument(f"the host holds more than scheme, name and port: give {origin} alone")
    if parts.scheme == "http" and not allow_http and not _is_loopback(name):
        raise InvalidArgument(f"plain http to {name} would show the key to everybody on the way: use https://")
    return origin


def check_key(key: Secret) -> None:
    """Pass for what may be a personal API key.

    The text is looked at in a function that raises nothing, so that no traceback holds it.

    Raises:
        InvalidArgument: it cannot be a personal API key; the message does not show it.
    """
    problem = _problem_of(key)
    if problem is not None:
        raise InvalidArgument(problem)


def _problem_of(key: Secret) -> str | None:
    text = key.reveal()
    if not isinstance(text, str) or not text:
        return f"no personal API key: set {KEY} or {KEY_FILE}"
    if not text.isascii() or not text.isprintable() or " " in text:
        return "the personal API key holds a line break, space or other character that no key has"
    if len(text) > MAX_KEY:
        return f"the personal API key has {len(text)} characters, more than any key has"
    for prefix, kind in (("phc_", "a project's public token"), ("phs_", "a project secret key")):
        if text.startswith(prefix):
            return f"the key is {kind} ({prefix}): make a personal API key (phx_)"
    return None


def check_token(token: Secret, key: Secret) -> None:
    """Pass for what may be a project's public token.

    Arguments:
        key: the personal key, which must not be sent in its place: the capture route puts it in a body.

    Raises:
        InvalidArgument: it cannot be a project's token; the message does not show it.
    """
    problem = problem_of_token(token, key)
    if problem is not None:
        raise InvalidArgument(problem)


def problem_of_token(token: Secret, key: Secret) -> str | None:
    """What is wrong with a project's token, None when nothing is; the text does not show it."""
    text = token.reveal()
    if not isinstance(text, str) or not text:
        return f"no project API key: leave it out to have the server asked, or set {PROJECT_KEY}"
    if not text.isascii() or not text.isprintable() or " " in text:
        return "the project API key holds a line break, space or other character that no project API key has"
    if len(text) > MAX_KEY:
        return f"the project API key has {len(text)} characters, more than any has"
    if text == key.reveal() or text.startswith(("phx_", "pha_", "phs_")):
        return "the project API key is a secret key: give the project's public token (phc_)"
    return None


def read_key_file(path: str | Path) -> Secret:
    """The key in a private file.

    Raises:
        InvalidArgument: the file cannot be read, or others can read it.
    """
    if _LOOKS_LIKE_KEY.match(str(path)):
        raise InvalidArgument(f"{KEY_FILE} holds what looks like a key: give the path of a file, or set {KEY}")
    read = _read_private(path)
    if isinstance(read, str):
        raise InvalidArgument(f"the key file {shown(str(path), 200)} {read}")
    return read


def _read_private(path: str | Path) -> Secret | str:
    """The key in a file, or what is wrong with the file."""
    try:
        descriptor = os.open(Path(path).expanduser(), os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except (OSError, ValueError, RuntimeError) as error:
        return f"cannot be read: {getattr(error, 'strerror', None) or 'it is no path'}"
    try:
        mode = os.fstat(descriptor).st_mode
        if not stat.S_ISREG(mode):
            return "is no regular file"
        if mode & 0o077:
            return "can be read by others: chmod 600 it and make a new key"
        text = os.read(descriptor, MAX_KEY * 2)
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    finally:
        os.close(descriptor)
    return Secret(text.decode("latin-1").removesuffix("\n").removesuffix("\r"))


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What the environment says; the key is not checked yet. None where it says nothing."""

    host: str | None
    project_id: str | None
    key: Secret | None
    key_file: str | None
    token: Secret | None

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> Self:
        """Take the settings out of an environment; an empty one is none, but for the host's, which is refused."""
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
            raise InvalidArgument(f"{HOST} is set and empty: give it a value (us, eu or a URL), or unset it for us")
        return self.host

    def read_key(self) -> Secret:
        """The key that the environment names; with two of them nobody could tell which is meant.

        Raises:
            InvalidArgument: there is none, there are two, or the file cannot be used.
        """
        if self.key is not None and self.key_file is not None:
            raise InvalidArgument(f"{KEY} and {KEY_FILE} are both set: unset one")
        if self.key_file is not None:
            return read_key_file(self.key_file)
        if self.key is None:
            raise InvalidArgument(f"no personal API key: set {KEY} or {KEY_FILE}")
        return self.key


def _is_name(name: str) -> bool:
    """Whether a host name holds nothing that a URL could read otherwise."""
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
