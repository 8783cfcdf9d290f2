"""Runs the command of a profile that prints the personal API key, such as that of a password manager."""

import subprocess
from typing import TYPE_CHECKING

import click

from bulk.sanitize import plain

if TYPE_CHECKING:
    from asyncclient import Secret

TIMEOUT_S = 120.0
"""Seconds that the command may take, because the user may have to type a passphrase."""


class KeyCommand:
    """A command whose first line of output is the key; it is run once, when the key is first needed.

    Arguments:
        words: the program and its arguments; no shell reads them.
        timeout_s: seconds that it may take.
    """

    def __init__(self, words: tuple[str, ...], *, timeout_s: float = TIMEOUT_S) -> None:
        self._words = words
        self._timeout_s = timeout_s
        self._key: Secret | None = None

    def read(self) -> "Secret":
        """Return the key.

        Raises:
            UsageError: the command cannot be started, fails, takes too long, or prints nothing.
        """
        if self._key is None:
            self._key = self._run()
        return self._key

    def _run(self) -> "Secret":
        from asyncclient import Secret

        name = f"the key command {plain(self._words[0])}"
        try:
            # stdin and stderr are the user's, for a passphrase
            done = subprocess.run(self._words, stdout=subprocess.PIPE, timeout=self._timeout_s, check=False)  # noqa: S603
        except OSError as error:
            raise click.UsageError(f"{name} cannot be started: {error.strerror}; correct key_command") from None
        except subprocess.TimeoutExpired:
            raise click.UsageError(f"{name} did not end within {self._timeout_s:.0f} s: run it by hand") from None
        if done.returncode:
            raise click.UsageError(f"{name} failed with exit code {done.returncode}: run it by hand to see why")
        line = done.stdout.split(b"\n", 1)[0].strip()
        if not line:
            raise click.UsageError(f"{name} printed nothing: it has to print the key as its first line")
        return Secret(line.decode("latin-1"))
