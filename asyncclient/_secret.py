"""Holds a key so that no repr, log, traceback or pickle shows it. Knows nothing of what the key opens."""

from typing import NoReturn


class Secret:
    """A text that only `reveal` gives out.

    Arguments:
        text: what is to be hidden.
    """

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The text; to be used at the rim, where it leaves."""
        return self._text

    def redact(self, text: str) -> str:
        """The given text without this secret in it.

        Arguments:
            text: that may hold the secret.

        Returns:
            The text with `***` in its place.
        """
        return text.replace(self._text, "***")

    def __repr__(self) -> str:
        return "***"

    __str__ = __repr__

    def __reduce__(self) -> NoReturn:
        raise TypeError("a key cannot be pickled")
