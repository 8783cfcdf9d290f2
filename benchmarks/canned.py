"""The persons behind the measuring server: numbers in arrays, and bodies put together from pieces made before.

As cheap as can be and no more than plausible: a listing goes by number and does not heed deletions, nothing is
checked, and there is no key. What has to be right is tested against `asyncclient.testing`, not here.
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
"""What a person typically carries: about 1.3 kB."""

UPDATED = {"tier": "gold"}
"""What the questions set on each person."""

_TAIL = msgspec.json.encode(_PROPERTIES)[1:] + b"}"
_PLAIN = b',"properties":{' + _TAIL
_CHANGED = b',"properties":{' + msgspec.json.encode(UPDATED)[1:-1] + b"," + _TAIL


def uuid_text(number: int) -> str:
    """The UUID of a person."""
    return f"{UUID_PREFIX}{number:012x}"


def number_of(uuid: str | bytes) -> int:
    """The person with a UUID."""
    return int(uuid[-12:], 16)


class Persons:
    """So many persons, what has been done to them, and the bodies that tell of it."""

    def __init__(self, count: int) -> None:
        self.count = count
        self._here = bytearray(b"\x01") * count
        self._changed = bytearray(count)
        self._queued = bytearray(count)
        self._rows: list[bytes] = []
        self._pages: dict[tuple[int, int], bytes] = {}
        self._cached = 0

    def state(self) -> dict[str, int]:
        """How many persons there were, are there, were changed, and have a deletion row."""
        return {"count": self.count, "here": sum(self._here), "changed": sum(self._changed), "rows": len(self._rows)}

    def change(self, number: int) -> None:
        """Set the property."""
        self._changed[number] = 1

    def delete(self, numbers: Iterable[int]) -> int:
        """Delete; returns how many were there."""
        here, found = self._here, 0
        for number in numbers:
            found += here[number]
            here[number] = 0
        return found

    def queue(self, numbers: Iterable[int], now_s: float) -> int:
        """Put in a deletion row for each that has none; returns how many are there."""
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
        """One person, None where it is gone."""
        return self._person(number) if self._here[number] else None

    def batch(self, uuids: Iterable[str]) -> bytes:
        """The body of batch_by_uuids."""
        here = self._here
        found = (
            b'"%s":%s' % (uuid.encode(), self._person(number)) for uuid in uuids if here[number := int(uuid[-12:], 16)]
        )
        return b'{"results":{' + b",".join(found) + b"}}"

    def rows(self, offset: int, limit: int, url: str, person: int | None = None) -> bytes:
        """A page of deletion rows, newest first; with a person the row of that one."""
        if person is not None:
            start = f'{{"person_uuid":"{uuid_text(person)}"'.encode()
            return _page([row for row in self._rows if row.startswith(start)], 1, 0, limit, url)
        end = max(0, len(self._rows) - offset)
        page = self._rows[max(0, end - limit) : end]
        page.reverse()
        return _page(page, len(self._rows), offset, limit, url)

    def page(self, offset: int, limit: int, url: str) -> bytes:
        """A page of persons, by number. Pages are kept, so that the second time costs nothing."""
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
        return head.encode() + (_CHANGED if self._changed[number] else _PLAIN)


def _page(items: list[bytes], count: int, offset: int, limit: int, url: str) -> bytes:
    following = offset + limit
    link = f'"{url}?limit={limit}&offset={following}"' if following < count else "null"
    return b'{"count":null,"next":' + link.encode() + b',"previous":null,"results":[' + b",".join(items) + b"]}"
