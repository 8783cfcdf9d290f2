"""Scripts that delete whom a filter selects, as competent people write them: the rivals of `completeness`.

Each lists everybody first by following `next`, repeats what is answered 429 or 5xx, heeds Retry-After, takes 404 for
"gone already", and notes each person in a file when done, so that the same command goes on after a kill.
"""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from benchmarks.posthog import PLAN
from benchmarks.rivals import NEVER_BINDS

FILTER = msgspec.json.encode([{"key": "plan", "value": PLAN, "operator": "exact", "type": "person"}]).decode()
PAGE, BULK, AT_ONCE, ATTEMPTS = 100, 50, 16, 10


class DoneFile:
    """Who is done, a line each; survives a kill of the process."""

    def __init__(self, path: Path) -> None:
        self.before = set(path.read_text().split()) if path.exists() else set()
        self._file = path.open("a")

    def note(self, uuid: str) -> None:
        """This person is done."""
        self._file.write(f"{uuid}\n")
        self._file.flush()


def _wait(state: Any) -> float:
    """What the server asks for, or longer and longer."""
    response = getattr(state.outcome.exception(), "response", None)
    told = response.headers.get("Retry-After") if response is not None else None
    return float(told) if told and told.isdigit() else min(0.05 * 2.0**state.attempt_number, 5.0)


def _repeating(errors: tuple[type[Exception], ...]) -> Any:
    from tenacity import retry, retry_if_exception, stop_after_attempt

    def again(error: BaseException) -> bool:
        if not isinstance(error, errors):
            return False
        response = getattr(error, "response", None)
        return response is None or response.status_code == 429 or response.status_code >= 500

    return retry(retry=retry_if_exception(again), wait=_wait, stop=stop_after_attempt(ATTEMPTS), reraise=True)


class _Requests:
    def __init__(self, url: str, key: str) -> None:
        import requests

        self._persons = f"{url}/api/projects/1/persons/"
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.headers["Authorization"] = f"Bearer {key}"
        self._call = _repeating((requests.RequestException,))(self._once)

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
    """requests and tenacity: a DELETE a person."""
    done, session = DoneFile(done_path), _Requests(url, key)
    for uuid in list(session.selected()):
        if uuid not in done.before:
            session.delete(uuid)
            done.note(uuid)


def in_bulk(url: str, key: str, done_path: Path) -> None:
    """requests and tenacity: bulk_delete, whose 202 is taken for what it says."""
    done, session = DoneFile(done_path), _Requests(url, key)
    left = [uuid for uuid in session.selected() if uuid not in done.before]
    for start in range(0, len(left), BULK):
        batch = left[start : start + BULK]
        session.delete_many(batch)
        for uuid in batch:
            done.note(uuid)


def at_once(url: str, key: str, done_path: Path) -> None:
    """httpx, aiolimiter and tenacity: many DELETEs at once."""
    asyncio.run(_at_once(url, key, DoneFile(done_path)))


async def _at_once(url: str, key: str, done: DoneFile) -> None:
    import httpx
    from aiolimiter import AsyncLimiter

    persons, limiter = f"{url}/api/projects/1/persons/", AsyncLimiter(NEVER_BINDS, 1)
    headers = {"Authorization": f"Bearer {key}"}
    async with httpx.AsyncClient(headers=headers, timeout=60, trust_env=False) as client:

        @_repeating((httpx.HTTPError,))
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
                done.note(uuid)

        await asyncio.gather(*(work() for _ in range(AT_ONCE)))


DELETERS: dict[str, Callable[[str, str, Path], None]] = {
    "requests + tenacity, one by one": one_by_one,
    "requests + tenacity, bulk_delete": in_bulk,
    "httpx + aiolimiter + tenacity": at_once,
}
