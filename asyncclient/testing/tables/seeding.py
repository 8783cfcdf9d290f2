"""Seeding: computes seeded persons from their numbers on demand, so that a million persons take no memory.

Person number n is the n-th oldest, and its key is the same number. Everything except the distinct IDs and the UUID
depends on the seed.
"""

import re
from collections.abc import Iterator
from typing import Any

from asyncclient.testing.tables.person import Record, day
from asyncclient.testing.tables.uuids import derive_uuid

_BASE_US = 1_704_067_200_000_000  # 2024-01-01T00:00:00Z
_STEP_US = 30_123_000
_DAY_US = 86_400_000_000
# Of each ten persons the first three have the same creation time.
_TIED_OF_TEN = 3

_FIRST = ("Ada", "Bo", "Chloé", "Dev", "Eun", "Farid", "Grace", "Hana", "Ivo", "Jun", "Kofi", "Lucía")
_LAST = ("Adeyemi", "Brown", "Costa", "Dvořák", "Evans", "Fischer", "García", "Haddad", "Ito", "Jensen")
_PLANS = ("free",) * 6 + ("pro",) * 3 + ("enterprise",)
_COUNTRIES = ("US", "DE", "FR", "BR", "IN", "JP", "NG", "GB")
_DISTINCT_ID = re.compile(r"user-(0|[1-9][0-9]{0,9})(?:-device-([1-9][0-9]?))?", re.ASCII)
_EMAIL = re.compile(r"user(0|[1-9][0-9]{0,9})@example\.com", re.ASCII)
_MASK = (1 << 64) - 1

MISSING = object()


class Seeding:
    """The persons that a server starts with."""

    def __init__(self, *, project_id: int, persons: int, seed: int) -> None:
        self.persons = persons
        self._project_id = project_id
        self._salt = (seed * 0xD1B54A32D192ED03 + 0x2545F4914F6CDD1D) & _MASK

    def raws(self) -> Iterator[bytes]:
        """Yield the UUIDs of all persons in the order of their numbers."""
        for number in range(self.persons):
            yield derive_uuid(self._project_id, f"user-{number}")

    def created_us(self, number: int) -> int:
        """Return when a person was created: ascending by number, with some ties."""
        digit = number % 10
        return _BASE_US + (number - digit if digit < _TIED_OF_TEN else number) * _STEP_US

    def is_identified(self, number: int) -> bool:
        """Return whether a person is identified: seven of eight are."""
        return (self._mix(number) >> 52) % 8 != 0

    def event_times_us(self, number: int) -> list[int]:
        """Return when the events of a person happened: up to three, in the 1,024 days after its creation."""
        mixed, created_us = self._mix(number), self.created_us(number)
        return [created_us + (mixed >> 10 * at) % 1024 * _DAY_US for at in range(mixed % 4)]

    def tied(self, number: int) -> range:
        """Return the numbers of the persons with the same creation time, this one included."""
        first = number - number % 10
        if number - first >= _TIED_OF_TEN:
            return range(number, number + 1)
        return range(first, min(first + _TIED_OF_TEN, self.persons))

    def distinct_ids(self, number: int) -> tuple[str, ...]:
        """Return the distinct IDs of a person: one for most, two or three for some, twelve for one in a thousand."""
        others = 11 if number % 1000 == 137 else {5: 1, 7: 2}.get(number % 10, 0)
        base = f"user-{number}"
        if not others:
            return (base,)
        return (base, *(f"{base}-device-{other}" for other in range(1, others + 1)))

    def number_of(self, distinct_id: str) -> int | None:
        """Return the number of the person that was seeded with this distinct ID, or None."""
        match = _DISTINCT_ID.fullmatch(distinct_id)
        if match is None or (number := int(match[1])) >= self.persons:
            return None
        return number if match[2] is None or distinct_id in self.distinct_ids(number) else None

    def number_by_email(self, email: str) -> int | None:
        """Return the number of the only seeded person that can have this email, or None."""
        match = _EMAIL.fullmatch(email)
        if match is None or (number := int(match[1])) >= self.persons:
            return None
        return number

    def value(self, number: int, key: str) -> Any:
        """Return one property of a person; MISSING if the person does not have it."""
        mixed = self._mix(number)
        match key:
            case "email":
                return _email(number, mixed)
            case "name":
                return _name(mixed)
            case "plan":
                return _PLANS[mixed % 10]
            case "country":
                return _COUNTRIES[(mixed >> 32) % len(_COUNTRIES)]
            case "signup_date":
                return day(self.created_us(number))
            case "logins":
                return (mixed >> 36) % 500
            case "newsletter":
                return (mixed >> 48) % 2 == 0
            case _:
                return MISSING

    def properties(self, number: int) -> dict[str, Any]:
        """Return all properties of a person."""
        return self._properties(number, self._mix(number), self.created_us(number))

    def record(self, number: int) -> Record:
        """Return a person as it was seeded."""
        created_us = self.created_us(number)
        mixed = self._mix(number)
        return Record(
            number + 1,
            created_us,
            self.distinct_ids(number),
            self._properties(number, mixed, created_us),
            self.is_identified(number),
            created_us + _DAY_US if number % 3 else None,
        )

    def _properties(self, number: int, mixed: int, created_us: int) -> dict[str, Any]:
        properties: dict[str, Any] = {
            "plan": _PLANS[mixed % 10],
            "country": _COUNTRIES[(mixed >> 32) % len(_COUNTRIES)],
            "signup_date": day(created_us),
            "logins": (mixed >> 36) % 500,
            "newsletter": (mixed >> 48) % 2 == 0,
        }
        email, name = _email(number, mixed), _name(mixed)
        if email is not MISSING:
            properties["email"] = email
        if name is not MISSING:
            properties["name"] = name
        return properties

    def _mix(self, number: int) -> int:
        mixed = (number + self._salt) * 0x9E3779B97F4A7C15 & _MASK
        mixed = (mixed ^ mixed >> 31) * 0xD6E8FEB86659FD93 & _MASK
        return mixed ^ mixed >> 32


def _email(number: int, mixed: int) -> Any:
    return MISSING if (mixed >> 8) % 20 == 0 else f"user{number}@example.com"


def _name(mixed: int) -> Any:
    if (mixed >> 12) % 10 == 0:
        return MISSING
    return f"{_FIRST[(mixed >> 16) % len(_FIRST)]} {_LAST[(mixed >> 24) % len(_LAST)]}"
