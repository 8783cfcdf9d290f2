"""The measuring server: `python -m benchmarks.servers.server` prints its port and serves until its standard input ends.

It is an asyncio protocol on uvloop in a process of its own, several times as fast as any client that is measured. It
also measures: wall time, and the CPU time of the client's process and its own, from the first mutating request to the
response to the last one.
"""

import asyncio
import sys
import time
from collections.abc import Callable
from email.utils import formatdate
from typing import Any
from urllib.parse import parse_qs

import msgspec

from benchmarks.processes import cpu_seconds
from benchmarks.servers.canned import Persons, is_known, number_of

Response = tuple[int, bytes]


class _Event(msgspec.Struct):
    distinct_id: str
    properties: dict[str, msgspec.Raw]


class _Batch(msgspec.Struct):
    batch: list[_Event]


_BATCH = msgspec.json.Decoder(_Batch)
_REASONS = {200: b"OK", 202: b"Accepted", 404: b"Not Found", 405: b"Method Not Allowed", 411: b"Length Required"}
_NOT_FOUND = (404, b'{"type":"invalid_request","code":"not_found","detail":"Not found.","attr":null}')
_NOT_ALLOWED = (405, b'{"type":"invalid_request","code":"method_not_allowed","detail":"Method not allowed."}')


class Span:
    """The time from the first of a number of mutating requests to the response to the last one."""

    def __init__(self, *, requests: int = 0, skip: int = 0, pid: int = 0) -> None:
        self._expected = requests
        self._skip = skip
        self._pid = pid
        self._begun = self._ended = 0
        self._marks: dict[str, tuple[float, float, float]] = {}

    def begun(self) -> None:
        """Count a mutating request that arrived."""
        self._begun += 1
        if self._begun == 1:
            self._mark("first")
        if self._begun == self._skip + 1:
            self._mark("skipped")

    def ended(self) -> None:
        """Count a response to a mutating request."""
        self._ended += 1
        if self._ended == self._expected:
            self._mark("last")

    def figures(self) -> dict[str, Any]:
        """Return what was measured."""
        figures: dict[str, Any] = {"requests": self._begun, "expected": self._expected}
        if "last" in self._marks:
            for name, begin in (("", "first"), ("later_", "skipped")):
                wall, cpu, busy = (b - a for a, b in zip(self._marks[begin], self._marks["last"], strict=True))
                figures |= {
                    f"{name}wall_s": wall,
                    f"{name}cpu_s": cpu,
                    f"{name}server_busy": busy / wall if wall else 0,
                }
        return figures

    def _mark(self, name: str) -> None:
        self._marks[name] = time.perf_counter(), cpu_seconds(self._pid), time.process_time()


class Routes:
    """Maps requests to responses."""

    def __init__(self) -> None:
        self.persons = Persons(0)
        self.span = Span()
        self.latency_s = 0.0
        self.host = ""
        self._own: dict[tuple[str, str], Callable[[Any], dict[str, Any]]] = {
            ("POST", "reset"): self._reset,
            ("POST", "arm"): self._arm,
            ("GET", "span"): lambda _: self.span.figures(),
            ("GET", "state"): lambda _: {**self.persons.state(), "cpu_s": time.process_time()},
        }

    def respond(self, method: str, target: str, body: bytes) -> tuple[Response, bool]:
        """Return the response to a request, and whether the request is mutating."""
        path, _, query = target.partition("?")
        parts = path.strip("/").split("/")
        if parts[0] == "bench":
            return (200, msgspec.json.encode(self._own[method, parts[1]](msgspec.json.decode(body or b"{}")))), False
        if parts == ["batch"]:
            return (200, self._capture(body)), False
        # api / environments or projects / number [/ persons [/ person or call]]
        if len(parts) == 3:
            return (200, b'{"id":1,"name":"Measured project","api_token":"phc_token"}'), False
        what = parts[4] if len(parts) > 4 else ""
        match method, what:
            case "PATCH", _:
                self.span.begun()
                self.persons.change(number_of(what))
                return (202, b""), True
            case "DELETE", _:
                self.span.begun()
                return ((202, b"") if self.persons.delete((number_of(what),)) else _NOT_FOUND), True
            case "POST", "bulk_delete":
                self.span.begun()
                return (202, self._bulk_delete(msgspec.json.decode(body))), True
            case "POST", "batch_by_uuids":
                return (200, self.persons.batch(msgspec.json.decode(body)["uuids"])), False
            case "GET", "deletion_status":
                return (200, self.persons.rows(*_window(query), f"http://{self.host}{path}", _person(query))), False
            case "GET", "":
                return (200, self.persons.page(*_window(query), f"http://{self.host}{path}")), False
            case "GET", "bulk_delete":
                return _NOT_ALLOWED, False
            case "GET", _:
                person = self.persons.one(number_of(what)) if is_known(what) else None
                return (_NOT_FOUND if person is None else (200, person)), False
        return _NOT_ALLOWED, False

    def _capture(self, body: bytes) -> bytes:
        for event in _BATCH.decode(body).batch:
            values = bytes(event.properties["$set"])[1:-1]
            self.persons.set_values(int(event.distinct_id.removeprefix("user-")), values)
        return b'{"status":"Ok"}'

    def _bulk_delete(self, body: dict[str, Any]) -> bytes:
        numbers = [number_of(uuid) for uuid in body["ids"]]
        found = self.persons.queue(numbers, time.time()) if body.get("delete_events") else len(numbers)
        gone = 0 if body.get("keep_person") else self.persons.delete(numbers)
        return msgspec.json.encode(
            {
                "persons_found": found if body.get("keep_person") else gone,
                "persons_deleted": gone,
                "persons_queued_for_deletion": 0,
                "events_queued_for_deletion": bool(body.get("delete_events")),
                "recordings_queued_for_deletion": False,
                "deletion_errors": [],
            }
        )

    def _reset(self, body: dict[str, Any]) -> dict[str, Any]:
        self.persons, self.span, self.latency_s = Persons(body["persons"]), Span(), body["latency_s"]
        return {}

    def _arm(self, body: dict[str, Any]) -> dict[str, Any]:
        self.span = Span(requests=body["requests"], skip=body["skip"], pid=body["pid"])
        return {}


class Connection(asyncio.Protocol):
    """One connection: requests one after the other, each with a response after the latency."""

    _date = (0, b"")

    def __init__(self, routes: Routes) -> None:
        self._routes = routes
        self._loop = asyncio.get_running_loop()
        self._data = b""
        self._transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._data = self._data + data if self._data else data
        while (end := self._data.find(b"\r\n\r\n")) >= 0:
            head = self._data[:end]
            lower = head.lower()
            at = lower.find(b"\r\ncontent-length:")
            size = int(lower[at + 17 :].partition(b"\r\n")[0]) if at >= 0 else 0
            if at < 0 and b"\r\ntransfer-encoding:" in lower:
                self._write((411, b""))
                self._transport.close()
                return
            if len(self._data) < end + 4 + size:
                return
            body, self._data = self._data[end + 4 : end + 4 + size], self._data[end + 4 + size :]
            method, target, _ = head.partition(b"\r\n")[0].decode("latin-1").split(" ", 2)
            self._respond(*self._routes.respond(method, target, body))

    def _respond(self, response: Response, changes: bool) -> None:
        if self._routes.latency_s:
            self._loop.call_later(self._routes.latency_s, self._finish, response, changes)
        else:
            self._finish(response, changes)

    def _finish(self, response: Response, changes: bool) -> None:
        self._write(response)
        if changes:
            self._routes.span.ended()

    def _write(self, response: Response) -> None:
        status, body = response
        head = b"HTTP/1.1 %d %s\r\nContent-Type: application/json\r\nDate: %s\r\nContent-Length: %d\r\n\r\n"
        self._transport.write(head % (status, _REASONS[status], self._now(), len(body)) + body)

    @classmethod
    def _now(cls) -> bytes:
        second = int(time.time())
        if cls._date[0] != second:
            cls._date = second, formatdate(second, usegmt=True).encode()
        return cls._date[1]


def _window(query: str) -> tuple[int, int]:
    body = parse_qs(query)
    return int(body.get("offset", ["0"])[0]), int(body.get("limit", ["100"])[0])


def _person(query: str) -> int | None:
    asked = parse_qs(query).get("person_uuid")
    return None if asked is None else number_of(asked[0])


async def serve() -> None:
    """Serve until standard input ends."""
    routes, loop = Routes(), asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(routes), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    routes.host = f"127.0.0.1:{port}"
    print(port, flush=True)
    await loop.run_in_executor(None, sys.stdin.read)
    server.close()


def main() -> None:
    """Serve, on uvloop where it is installed."""
    try:
        import uvloop
    except ImportError:
        asyncio.run(serve())
    else:
        uvloop.run(serve())


if __name__ == "__main__":
    main()
