"""How an email is compared with persons: under which keys, and whether upper and lower case differ. Pure."""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from typing import Literal, get_args

import msgspec

from asyncclient import PropertyFilter
from bulk.errors import InputError
from bulk.selection.conditions.filter_checks import OWN_FIELDS

Comparison = Literal["exact", "ignore-case"]
COMPARISONS: tuple[Comparison, ...] = get_args(Comparison)
DISTINCT_ID_KEY = "distinct_id"
"""The key that compares an email with the distinct IDs of persons, which is always exact."""
USUAL_KEYS = ("email", "Email", "$email", DISTINCT_ID_KEY)
"""The keys under which applications keep an email."""
_MAY_HOLD_EMAILS = frozenset({DISTINCT_ID_KEY, "name"})


class EmailMatch(msgspec.Struct, frozen=True, kw_only=True):
    """How emails are compared.

    Arguments:
        comparison: `exact`, or `ignore-case` for properties.
        keys: properties that hold an email, and `distinct_id` for the person's distinct IDs.

    Raises:
        InputError: the comparison is unknown, or a key is missing, empty, repeated or another field of persons.
    """

    comparison: Comparison = "exact"
    keys: tuple[str, ...] = ("email",)

    def __post_init__(self) -> None:
        if self.comparison not in COMPARISONS:
            raise InputError(f"emails are compared by {' or '.join(COMPARISONS)}, not by {self.comparison!r}")
        if not self.keys or len(set(self.keys)) < len(self.keys) or not all(key.strip() for key in self.keys):
            raise InputError("the keys of emails are empty or repeated: give names of properties, or distinct_id")
        if own := next((key for key in self.keys if key in OWN_FIELDS and key not in _MAY_HOLD_EMAILS), None):
            raise InputError(
                f"{own} is a field of persons, not a property that holds an email: give names of properties, or "
                "distinct_id for their distinct IDs"
            )

    @property
    def is_default(self) -> bool:
        """Whether it is the exact comparison with the property `email` alone."""
        return self == EmailMatch()

    @property
    def is_widest(self) -> bool:
        """Whether no match is wider than this one."""
        return self.comparison == "ignore-case" and set(USUAL_KEYS) <= set(self.keys)

    @property
    def uses_distinct_ids(self) -> bool:
        """Whether emails are also looked up as distinct IDs."""
        return DISTINCT_ID_KEY in self.keys

    def widest(self) -> "EmailMatch":
        """Return the match that finds all that this one finds, and whatever is likely to be meant."""
        return EmailMatch(comparison="ignore-case", keys=tuple(dict.fromkeys((*self.keys, *USUAL_KEYS))))

    def conditions(self, emails: Sequence[str]) -> Iterator[PropertyFilter]:
        """Yield one filter per property, which finds the persons of all the emails."""
        for key in self.keys:
            if key == DISTINCT_ID_KEY:
                continue
            if self.comparison == "exact":
                yield PropertyFilter(key, list(emails), operator="exact")
            else:
                yield PropertyFilter(key, f"(?i)^(?:{'|'.join(map(re.escape, emails))})$", operator="regex")

    def matching(self, emails: Iterable[str]) -> "EmailIndex":
        """Return an index that finds the email to which a value belongs."""
        return EmailIndex(emails, ignores_case=self.comparison == "ignore-case")


def _looser(text: str) -> str:
    """Return a text without case, accents and the dot of an i: some servers take a dotless i for one with a dot."""
    parts = unicodedata.normalize("NFKD", text.casefold())
    return "".join(each for each in parts if not unicodedata.combining(each)).replace("\u0131", "i")


class EmailIndex:
    """Finds the emails that a value of a person equals."""

    def __init__(self, emails: Iterable[str], *, ignores_case: bool) -> None:
        self._ignores_case = ignores_case
        self._folded: dict[str, list[str]] = {}
        for email in emails:
            self._folded.setdefault(email.casefold(), []).append(email)
        self._looser = set(map(_looser, self._folded)) if ignores_case else set()

    def matches(self, value: object) -> list[str] | None:
        """Return the emails that equal a value of a person.

        Returns:
            None if the value does not even equal one without upper and lower case, so that it was not requested. Empty
            if only the server takes it for the same: it may ignore more than case.
        """
        if not isinstance(value, str):
            return None
        same = self._folded.get(value.casefold())
        if self._ignores_case:
            return [] if same is None and _looser(value) in self._looser else same
        if same is None:
            return None
        return [email for email in same if email == value]
