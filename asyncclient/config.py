"""Settings: which server, which project, which key; read from arguments or the environment and checked. Sends nothing.

A key is never an argument of a command, since argv is public; it is in the environment or in a private file.
"""

import ipaddress
import os
import stat
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from asyncclient._secret import Secret
from asyncclient.errors import InvalidArgument

REGIONS = {"us": "https://us.posthog.com", "eu": "https://eu.posthog.com"}
INGESTION_HOSTS = {"us.i.posthog.com": "us", "eu.i.posthog.com": "eu"}
LONGEST_KEY = 512

HOST = "POSTHOG_HOST"
PROJECT_ID = "POSTHOG_PROJECT_ID"
KEY = "POSTHOG_PERSONAL_API_KEY"
KEY_FILE = "POSTHOG_PERSONAL_API_KEY_FILE"


def parse_origin(host: str, *, allow_http: bool = False) -> str:
    """The origin for `us`, `eu` or the URL of an instance.

    Arguments:
        allow_http: take plain http to other machines; the key is readable on the way then.

    Raises:
        InvalidArgument: it is none of these, or holds more than scheme, host and port.
    """
    text = host.strip() if isinstance(host, str) else ""
    if text.lower() in REGIONS:
        return REGIONS[text.lower()]
    try:
        parts = urlsplit(text)
        name, port = parts.hostname, parts.port
    except ValueError:
        raise InvalidArgument(
            "the host is not a URL: give us, eu, or a URL such as https://posthog.example.com"
        ) from None
    if parts.username is not None or parts.password is not None:
        raise InvalidArgument("the host holds user information: give the URL without what stands before the @")
    if parts.scheme not in ("http", "https") or not name:
        raise InvalidArgument(f"host {text[:80]!a} is neither us, eu, nor a URL that starts with https://")
    if parts.path not in ("", "/") or parts.query or parts.fragment:
        raise InvalidArgument(f"host {text[:80]!a} holds a path: give {parts.scheme}://{name} alone")
    if name in INGESTION_HOSTS:
        region = INGESTION_HOSTS[name]
        raise InvalidArgument(f"{name} takes captured events only: give {region}, which is {REGIONS[region]}")
    if parts.scheme == "http" and not allow_http and not _is_loopback(name):
        raise InvalidArgument(f"plain http to {name} would show the key to everybody on the way: use https://")
    shown = f"[{name}]" if ":" in name else name
    default = {"http": 80, "https": 443}[parts.scheme]
    return f"{parts.scheme}://{shown}" if port in (None, default) else f"{parts.scheme}://{shown}:{port}"


def parse_key(text: str) -> Secret:
    """The personal API key, checked for what cannot be one.

    Raises:
        InvalidArgument: it cannot be a personal API key; the message does not show it.
    """
    if not isinstance(text, str) or not text:
        raise InvalidArgument(f"no personal API key: set {KEY} or {KEY_FILE}")
    if not text.isascii() or any(c <= " " or c == "\x7f" for c in text):
        raise InvalidArgument("the personal API key holds a line break, space or other character that no key has")
    if len(text) > LONGEST_KEY:
        raise InvalidArgument(f"the personal API key has {len(text)} characters, more than any key has")
    if text.startswith("phc_"):
        raise InvalidArgument("the key is a project's public token (phc_): make a personal API key (phx_)")
    if text.startswith("phs_"):
        raise InvalidArgument("the key is a project secret key (phs_): make a personal API key (phx_)")
    return Secret(text)


def read_key_file(path: str | Path) -> Secret:
    """The key in a private file.

    Raises:
        InvalidArgument: the file cannot be read, or others can read it.
    """
    path = Path(path).expanduser()
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            if not stat.S_ISREG(mode):
                raise InvalidArgument(f"the key file {path} is no regular file")
            if mode & 0o077:
                raise InvalidArgument(f"the key file {path} can be read by others: chmod 600 it and make a new key")
            text = file.read(LONGEST_KEY * 2)
    except OSError as error:
        raise InvalidArgument(f"the key file {path} cannot be read: {error.strerror}") from None
    try:
        return parse_key(text.decode("ascii").removesuffix("\n").removesuffix("\r"))
    except UnicodeDecodeError:
        raise InvalidArgument(f"the key file {path} does not hold a key") from None


def key_from(environ: Mapping[str, str]) -> Secret:
    """The key that the environment names.

    Raises:
        InvalidArgument: there is none, there are two, or it cannot be used.
    """
    text, file = environ.get(KEY), environ.get(KEY_FILE)
    if text and file:
        raise InvalidArgument(f"{KEY} and {KEY_FILE} are both set: unset one")
    return read_key_file(file) if file else parse_key(text or "")


def _is_loopback(name: str) -> bool:
    if name == "localhost":
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False
