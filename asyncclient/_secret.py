"""Secret: holds a key so that no repr, log, traceback or pickle shows it."""

from typing import NoReturn


class Secret:
    """A text that only `reveal` returns.

    Arguments:
        text: the text to hide.
    """

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """Return the text. Call this only where the text is sent or checked."""
        return self._text

    def redact(self, text: str) -> str:
        """Return a text with this secret replaced by `***`.

        Arguments:
            text: may contain the secret.

        Returns:
            The text without the secret.
        """
        return text.replace(self._text, "***")

    def __repr__(self) -> str:
        return "***"

    __str__ = __repr__

    def __reduce__(self) -> NoReturn:
        raise TypeError("a key cannot be pickled")
