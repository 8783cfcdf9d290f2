"""Scripts that delete the persons of a filter, as competent people write them: the other contenders of `completeness`.

Each script first lists all persons by following `next`, retries after 429 and 5xx, waits for Retry-After, takes a 404
for an earlier deletion, and writes each deleted person to a file, so that the same command resumes after a kill.
"""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from benchmarks.contenders.other_clients import NEVER_BINDS
from benchmarks.servers.local_posthog import PLAN

FILTER = msgspec.json.encode([{"key": "plan", "value": PLAN, "operator": "exact", "type": "person"}]).decode()
PAGE, BULK, AT_ONCE, ATTEMPTS = 100, 50, 16, 10


class DoneFile:
    """A file of the persons that are done, one per line."""

    def __init__(self, path: Path) -> None:
        self.before = set(path.read_text().split()) if path.exists() else set()
        self._file = path.open("a")

    def add(self, uuid: str) -> None:
        """Record that a person is done."""
        self._file.write(f"{uuid}\n")
        self._file.flush()


def _wait(state: Any) -> float:
    """Return the wait of Retry-After, or an exponential backoff."""
    response = getattr(state.outcome.exception(), "response", None)
    retry_after = response.headers.get("Retry-After") if response is not None else None
    return float(retry_after) if retry_after and retry_after.isdigit() else min(0.05 * 2.0**state.attempt_number, 5.0)


def _retrying(errors: tuple[type[Exception], ...]) -> Any:
    from tenacity import retry, retry_if_exception, stop_after_attempt

    def is_transient(error: BaseException) -> bool:
        if not isinstance(error, errors):
            return False
        response = getattr(error, "response", None)
        return response is None or response.status_code == 429 or response.status_code >= 500

    return retry(retry=retry_if_exception(is_transient), wait=_wait, stop=stop_after_attempt(ATTEMPTS), reraise=True)


class _Requests:
    def __init__(self, url: str, key: str) -> None:
        import requests

        self._persons = f"{url}/api/projects/1/persons/"
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.headers["Authorization"] = f"Bearer {key}"
        self._call = _retrying((requests.RequestException,))(self._once)

    def _once(self, method: str, url: str, **arguments: Any) -> Any:
        response = self._session.request(method, url, timeout=60, **arguments)
        if response.status_code != 404:
            response.raise_for_status()
        return response

    def selected(self) -> Iterator[str]:
        url, arguments = self._persons, {"params": {"properties": FILTER, "limit": PAGE}}
        while url:
            page = self._call("GET", url, **arguments).json()
            yield from (person["uuid"] for person in page["results"])
            url, arguments = page["next"], {}

    def delete(self, uuid: str) -> None:
        self._call("DELETE", f"{self._persons}{uuid}/", params={"delete_events": "true"})

    def delete_many(self, uuids: list[str]) -> None:
        self._call("POST", f"{self._persons}bulk_delete/", json={"ids": uuids, "delete_events": True})


def one_by_one(url: str, key: str, done_path: Path) -> None:
    """Delete with requests and tenacity, one DELETE per person."""
    done, session = DoneFile(done_path), _Requests(url, key)
    for uuid in list(session.selected()):
        if uuid not in done.before:
            session.delete(uuid)
            done.add(uuid)


def in_bulk(url: str, key: str, done_path: Path) -> None:
    """Delete with requests and tenacity, by bulk_delete, and trust its 202."""
    done, session = DoneFile(done_path), _Requests(url, key)
    left = [uuid for uuid in session.selected() if uuid not in done.before]
    for start in range(0, len(left), BULK):
        batch = left[start : start + BULK]
        session.delete_many(batch)
        for uuid in batch:
            done.add(uuid)


def at_once(url: str, key: str, done_path: Path) -> None:
    """Delete with httpx, aiolimiter and tenacity, many DELETEs at once."""
    asyncio.run(_at_once(url, key, DoneFile(done_path)))


async def _at_once(url: str, key: str, done: DoneFile) -> None:
    import httpx
    from aiolimiter import AsyncLimiter

    persons, limiter = f"{url}/api/projects/1/persons/", AsyncLimiter(NEVER_BINDS, 1)
    headers = {"Authorization": f"Bearer {key}"}
    async with httpx.AsyncClient(headers=headers, timeout=60, trust_env=False) as client:

        @_retrying((httpx.HTTPError,))
        async def call(method: str, address: str, **arguments: Any) -> Any:
            async with limiter:
                response = await client.request(method, address, **arguments)
            if response.status_code != 404:
                response.raise_for_status()
            return response

        left: list[str] = []
        address, arguments = persons, {"params": {"properties": FILTER, "limit": PAGE}}
        while address:
            page = (await call("GET", address, **arguments)).json()
            left += [person["uuid"] for person in page["results"] if person["uuid"] not in done.before]
            address, arguments = page["next"], {}
        uuids = iter(left)

        async def work() -> None:
            for uuid in uuids:
                await call("DELETE", f"{persons}{uuid}/", params={"delete_events": "true"})
                done.add(uuid)

        await asyncio.gather(*(work() for _ in range(AT_ONCE)))


SCRIPTS: dict[str, Callable[[str, str, Path], None]] = {
    "requests + tenacity, one by one": one_by_one,
    "requests + tenacity, bulk_delete": in_bulk,
    "httpx + aiolimiter + tenacity": at_once,
}
