"""The persons of the measuring server: states in arrays, and response bodies joined from prepared parts.

It is fast and only as realistic as the benchmarks need: a listing is ordered by number and ignores deletions, and no
request or key is checked. Behaviour is tested against `asyncclient.testing`, not against this server.
"""

from collections.abc import Iterable
from datetime import UTC, datetime

import msgspec

UUID_PREFIX = "0190c0de-0000-4000-8000-"
NEWEST_S = 1_790_000_000
CACHED_BYTES = 192 << 20

_PROPERTIES = {
    "email": "somebody@example.com",
    "name": "Somebody With A Name",
    "plan": "free",
    **{
        f"${when}_{what}": value
        for when in ("initial", "latest")
        for what, value in {
            "browser": "Chrome",
            "browser_version": 139,
            "current_url": "https://app.example.com/onboarding/welcome?utm_source=newsletter&utm_medium=email",
            "device_type": "Desktop",
            "geoip_city_name": "Rotterdam",
            "geoip_country_code": "NL",
            "geoip_latitude": 51.9225,
            "geoip_longitude": 4.47917,
            "host": "app.example.com",
            "os": "Mac OS X",
            "os_version": "10.15.7",
            "pathname": "/onboarding/welcome",
            "referrer": "https://www.example.org/blog/how-we-grew-to-a-million-events-a-day",
            "utm_medium": "email",
            "utm_source": "newsletter",
        }.items()
    },
}
"""Typical properties of a person: about 1.3 kB."""

UPDATED = {"tier": "gold"}
"""The properties that the benchmarks set on each person."""

_TAIL = msgspec.json.encode(_PROPERTIES)[1:] + b"}"
_PLAIN = b',"properties":{' + _TAIL
_CHANGED = b',"properties":{' + msgspec.json.encode(UPDATED)[1:-1] + b"," + _TAIL


def uuid_text(number: int) -> str:
    """Return the UUID of a person."""
    return f"{UUID_PREFIX}{number:012x}"


def is_known(uuid: str | bytes) -> bool:
    """Return whether a UUID is that of a person of this server, and not the nil UUID."""
    return uuid[: len(UUID_PREFIX)] in (UUID_PREFIX, UUID_PREFIX.encode())


def number_of(uuid: str | bytes) -> int:
    """Return the number of the person with a UUID."""
    return int(uuid[-12:], 16)


class Persons:
    """Persons, what was done to them, and the response bodies that show it."""

    def __init__(self, count: int) -> None:
        self.count = count
        self._here = bytearray(b"\x01") * count
        self._changed = bytearray(count)
        self._queued = bytearray(count)
        self._values: dict[int, bytes] = {}
        self._rows: list[bytes] = []
        self._pages: dict[tuple[int, int], bytes] = {}
        self._cached = 0

    def state(self) -> dict[str, int]:
        """Return how many persons there were, exist, were changed, have a deletion row, and their number as score."""
        return {
            "count": self.count,
            "here": sum(self._here),
            "changed": sum(self._changed),
            "rows": len(self._rows),
            "with_own_score": sum(values.endswith(b'"score":%d' % number) for number, values in self._values.items()),
        }

    def change(self, number: int) -> None:
        """Set the property."""
        self._changed[number] = 1

    def set_values(self, number: int, values: bytes) -> None:
        """Set properties in place of all that were set before.

        Arguments:
            number: of the person.
            values: the members of a JSON object.
        """
        self._values[number] = values

    def delete(self, numbers: Iterable[int]) -> int:
        """Delete persons and return how many existed."""
        here, found = self._here, 0
        for number in numbers:
            found += here[number]
            here[number] = 0
        return found

    def queue(self, numbers: Iterable[int], now_s: float) -> int:
        """Add a deletion row per person that has none, and return how many of the persons exist."""
        at = datetime.fromtimestamp(now_s, UTC).isoformat().replace("+00:00", "Z")
        tail = f'","created_at":"{at}","status":"pending","delete_verified_at":null}}'
        queued, here, found = self._queued, self._here, 0
        for number in numbers:
            if here[number]:
                found += 1
                if not queued[number]:
                    queued[number] = 1
                    self._rows.append(f'{{"person_uuid":"{UUID_PREFIX}{number:012x}{tail}'.encode())
        return found

    def one(self, number: int) -> bytes | None:
        """Return the body of one person, or None if the person was deleted."""
        return self._person(number) if self._here[number] else None

    def batch(self, uuids: Iterable[str]) -> bytes:
        """Return the body of batch_by_uuids."""
        here = self._here
        found = (
            b'"%s":%s' % (uuid.encode(), self._person(number)) for uuid in uuids if here[number := int(uuid[-12:], 16)]
        )
        return b'{"results":{' + b",".join(found) + b"}}"

    def rows(self, offset: int, limit: int, url: str, person: int | None = None) -> bytes:
        """Return a page of deletion rows, newest first, or the row of one person."""
        if person is not None:
            start = f'{{"person_uuid":"{uuid_text(person)}"'.encode()
            return _page([row for row in self._rows if row.startswith(start)], 1, 0, limit, url)
        end = max(0, len(self._rows) - offset)
        page = self._rows[max(0, end - limit) : end]
        page.reverse()
        return _page(page, len(self._rows), offset, limit, url)

    def page(self, offset: int, limit: int, url: str) -> bytes:
        """Return a page of persons by number; pages are cached."""
        key = offset, limit
        body = self._pages.get(key)
        if body is None:
            people = [self._person(number) for number in range(offset, min(offset + limit, self.count))]
            body = _page(people, self.count, offset, limit, url)
            if self._cached < CACHED_BYTES:
                self._cached += len(body)
                self._pages[key] = body
        return body

    def _person(self, number: int) -> bytes:
        at = datetime.fromtimestamp(NEWEST_S - number, UTC).isoformat()[:19]
        head = (
            f'{{"id":{number + 1},"uuid":"{UUID_PREFIX}{number:012x}","created_at":"{at}.000000Z",'
            f'"name":"somebody@example.com","distinct_ids":["user-{number}"],"is_identified":true'
        )
        if (values := self._values.get(number)) is not None:
            return b'%b,"properties":{%b,%b' % (head.encode(), values, _TAIL)
        return head.encode() + (_CHANGED if self._changed[number] else _PLAIN)


def _page(items: list[bytes], count: int, offset: int, limit: int, url: str) -> bytes:
    following = offset + limit
    link = f'"{url}?limit={limit}&offset={following}"' if following < count else "null"
    return b'{"count":null,"next":' + link.encode() + b',"previous":null,"results":[' + b",".join(items) + b"]}"
