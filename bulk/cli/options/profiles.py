"""Reads a profile: settings under a name, in a TOML file in the user's configuration folder.

A profile holds no key, only the file or the command that has it. The file, with two profiles:

    [eu]
    host = "eu"
    project_id = 42
    key_file = "~/.posthog-key"

    [intranet]
    host = "https://posthog.example.com"
    project_id = 1
    key_command = ["pass", "show", "posthog"]
    ca_file = "company.pem"
"""

import re
import shlex
import stat
import tomllib
from collections.abc import Callable
from difflib import get_close_matches
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import urlsplit

import click
import msgspec

from bulk.cli.options.help_layout import parse_duration
from bulk.sanitize import plain

FILE_NAME = "profiles.toml"
NO_KEY = "a profile holds no key: move it to a private file and set key_file, or set key_command"

_KEY = re.compile(r"\bph[a-z]_\w{8,}")
_KEY_NAMES = re.compile(r"(.*_)?(key|token|secret)")


class Profile(msgspec.Struct, frozen=True, kw_only=True):
    """The settings of a profile; None for those that it does not have."""

    host: str | None = None
    project_id: str | None = None
    key_file: Path | None = None
    key_command: tuple[str, ...] | None = None
    ingest_host: str | None = None
    proxy: str | None = None
    ca_file: Path | None = None
    allow_http: bool | None = None
    rate_limits: str | None = None
    limits_file: Path | None = None
    retry_for_s: float | None = None


def profiles_file() -> Path:
    """Return the file that holds the profiles, whether it exists or not."""
    return Path(click.get_app_dir("posthog-bulk")) / FILE_NAME


def load_profile(name: str, path: Path) -> Profile:
    """Return a profile.

    Arguments:
        name: its name, a table of the file.
        path: the file; paths in it that are relative start at its folder.

    Raises:
        UsageError: the file or the profile does not exist, holds a key, or has an invalid setting.
    """
    tables = _read(path)
    table = tables.get(name)
    if not isinstance(table, dict):
        names = [other for other, value in tables.items() if isinstance(value, dict)]
        known = f"it has {', '.join(map(plain, names))}" if names else f"add a table [{plain(name)}] to it"
        _refuse(path, f"there is no profile {plain(name)!r}; {known}{_hint(name, names)}")
    found: dict[str, Any] = {}
    for setting, value in table.items():
        read = _SETTINGS.get(setting)
        if read is None:
            if _KEY_NAMES.fullmatch(setting.lower()):
                _refuse(path, f"profile {plain(name)} has {plain(setting)!r}, but {NO_KEY}")
            known = f"the settings are {', '.join(_SETTINGS)}{_hint(setting, _SETTINGS)}"
            _refuse(path, f"profile {plain(name)} has an unknown setting {plain(setting)!r}; {known}")
        try:
            found["retry_for_s" if setting == "retry_for" else setting] = read(value, path.parent)
        except ValueError as problem:
            _refuse(path, f"profile {plain(name)}: {setting} is {plain(repr(value), limit=60)}, but {problem}")
    profile = Profile(**found)
    if profile.key_file is not None and profile.key_command is not None:
        _refuse(path, f"profile {plain(name)} has key_file and key_command: keep one of them")
    if profile.proxy is not None and urlsplit(profile.proxy).password and path.stat().st_mode & 0o077:
        _refuse(path, f"profile {plain(name)} has a proxy with a password, and others can read the file: chmod 600 it")
    return profile


def profile_names(path: Path) -> list[str]:
    """Return the names of all profiles, for shell completion; none if the file cannot be read."""
    try:
        return [name for name, table in _read(path).items() if isinstance(table, dict)]
    except click.UsageError:
        return []


def _read(path: Path) -> dict[str, Any]:
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            _refuse(path, "is not a regular file: name the profiles in a TOML file there")
        text = path.read_bytes().decode()
    except FileNotFoundError:
        raise click.UsageError(
            f"no such file: {plain(path)}, which holds the profiles; create it, or leave out --profile"
        ) from None
    except OSError as error:
        _refuse(path, f"cannot be read ({error.strerror}): give this user access")
    except UnicodeDecodeError:
        _refuse(path, "is not UTF-8: save it as UTF-8")
    for number, line in enumerate(text.split("\n"), 1):
        if _KEY.search(line):
            _refuse(path, f"line {number} has what looks like a key, but {NO_KEY}")
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        _refuse(path, f"is not valid TOML: {plain(error)}; correct that line")
    except RecursionError:
        _refuse(path, "is nested too deeply: write each profile as a table of its own")


def _refuse(path: Path, problem: str) -> NoReturn:
    raise click.UsageError(f"{plain(path)}: {problem}")


def _hint(word: str, known: Any) -> str:
    close = get_close_matches(word, list(known), n=1)
    return f"; did you mean {plain(close[0])!r}?" if close else ""


def _text(value: Any, _: Path) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError("it has to be a text that is not empty")
    return value


def _number(value: Any, _: Path) -> str:
    if isinstance(value, bool) or not isinstance(value, int | str) or not str(value).strip():
        raise ValueError("it has to be the number of the project")
    return str(value)


def _switch(value: Any, _: Path) -> bool:
    if not isinstance(value, bool):
        raise ValueError("it has to be true or false")
    return value


def _seconds(value: Any, _: Path) -> float:
    seconds = None if isinstance(value, bool) else parse_duration(str(value))
    if seconds is None:
        raise ValueError("it has to be a duration of at most 365d, as in 15min or 0")
    return seconds


def _path(value: Any, folder: Path) -> Path:
    try:
        return folder / Path(_text(value, folder)).expanduser()
    except RuntimeError:
        raise ValueError("there is no such user") from None


def _words(value: Any, _: Path) -> tuple[str, ...]:
    words = shlex.split(value) if isinstance(value, str) else value
    if not isinstance(words, list) or not words or not all(isinstance(word, str) and word for word in words):
        raise ValueError('it has to be a command and its arguments, as in ["pass", "show", "posthog"]')
    return tuple(words)


_SETTINGS: dict[str, Callable[[Any, Path], Any]] = {
    "host": _text,
    "project_id": _number,
    "key_file": _path,
    "key_command": _words,
    "ingest_host": _text,
    "proxy": _text,
    "ca_file": _path,
    "allow_http": _switch,
    "rate_limits": _text,
    "limits_file": _path,
    "retry_for": _seconds,
}
