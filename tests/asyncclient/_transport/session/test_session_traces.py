"""What hooks into an aiohttp session sees the client's calls: trace configs and OpenTelemetry."""

import asyncio
import traceback
from collections.abc import Iterator
from typing import Any

import aiohttp
import pytest
from opentelemetry.instrumentation.aiohttp_client import AioHttpClientInstrumentor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from asyncclient import ConnectionLost, NotFound


@pytest.fixture
def spans() -> Iterator[InMemorySpanExporter]:
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    AioHttpClientInstrumentor().instrument(tracer_provider=provider)
    yield exporter
    AioHttpClientInstrumentor().uninstrument()


@pytest.mark.parametrize("whose", ["its own session", "a session of the user's"])
async def test_opentelemetry_sees_one_span_per_call(raw: Any, spans: InMemorySpanExporter, whose: str) -> None:
    async def response(request: Any, writer: asyncio.StreamWriter) -> bool:
        if request.method == "DELETE":
            return False
        found = request.method == "GET" and not request.path.endswith(f"{raw.uuid}/")
        writer.write(raw.http(body=b'{"results": []}') if found else raw.http(404, b'{"detail": "Not found."}'))
        return True

    server = await raw.serve(response)
    async with aiohttp.ClientSession() as session:
        client = await raw.client(server.url, **({} if whose == "its own session" else {"session": session}))
        await client.persons.list()
        with pytest.raises(NotFound):
            await client.persons.update(raw.uuid, {"plan": "x"})
        with pytest.raises(ConnectionLost):
            await client.persons.delete(raw.uuid)
    told = spans.get_finished_spans()
    assert [span.name for span in told] == ["GET", "PATCH", "DELETE"]
    attributes = [dict(span.attributes or {}) for span in told]
    assert [each.get("http.status_code", each.get("http.response.status_code")) for each in attributes] == [
        200,
        404,
        None,
    ]
    assert raw.key not in "".join(span.to_json() for span in told)


def tracing(traced: list[Any]) -> aiohttp.TraceConfig:
    config = aiohttp.TraceConfig()

    async def started(session: Any, context: Any, params: aiohttp.TraceRequestStartParams) -> None:
        traced.append(("start", params.method, repr(params)))
        params.headers["traceparent"] = "00-1-2-01"

    async def ended(session: Any, context: Any, params: aiohttp.TraceRequestEndParams) -> None:
        traced.append(("end", params.response.status))

    config.on_request_start.append(started)
    config.on_request_end.append(ended)
    return config


async def test_a_trace_config_sees_each_call_and_may_add_headers(raw: Any) -> None:
    traced: list[Any] = []
    server = await raw.serve(raw.http(body=b'{"results": []}'))
    async with aiohttp.ClientSession(trace_configs=[tracing(traced)]) as session:
        client = await raw.client(server.url, session=session)
        await client.persons.list()
        await client.persons.list()
    assert [each[:2] for each in traced] == [("start", "GET"), ("end", 200)] * 2
    assert raw.key not in repr(traced)
    assert [request.headers["traceparent"] for request in server.requests] == ["00-1-2-01"] * 2
    assert server.requests[0].headers["authorization"] == f"Bearer {raw.key}"


@pytest.mark.parametrize("hook", ["on_request_start", "on_request_headers_sent", "on_request_end"])
async def test_an_error_of_a_hook_is_the_users_and_shows_no_key(raw: Any, hook: str) -> None:
    config = aiohttp.TraceConfig()

    async def fail(session: Any, context: Any, params: Any) -> None:
        raise ZeroDivisionError("in a hook")

    getattr(config, hook).append(fail)
    server = await raw.serve(raw.http(body=b'{"results": []}'))
    events: list[Any] = []
    async with aiohttp.ClientSession(trace_configs=[config]) as session:
        client = await raw.client(server.url, session=session, on_event=events.append)
        with pytest.raises(ZeroDivisionError, match="in a hook") as caught:
            await client.persons.list()
    told = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
    assert raw.key not in "".join(told.format())
    assert len(events) == (hook != "on_request_start")  # then nothing was sent


@pytest.mark.parametrize("slow", [False, True])
async def test_a_late_response_is_not_that_of_the_next_call_of_a_traced_session(raw: Any, slow: bool) -> None:
    """A hook that waits between the connection and the request hides it: see asyncclient/README.md."""
    config = aiohttp.TraceConfig()

    async def wait(session: Any, context: Any, params: Any) -> None:
        if slow:
            await asyncio.sleep(0)

    config.on_connection_reuseconn.append(wait)
    on, said = asyncio.Event(), asyncio.Event()

    async def response(request: Any, writer: asyncio.StreamWriter) -> bool:
        writer.write(raw.http(body=b'{"results": []}'))
        await writer.drain()
        await on.wait()
        writer.write(raw.http(202, b""))
        said.set()
        return True

    server = await raw.serve(response)
    async with aiohttp.ClientSession(trace_configs=[config]) as session:
        client = await raw.client(server.url, session=session)
        await client.persons.list()
        on.set()
        await said.wait()
        for _ in range(20):
            await asyncio.sleep(0)
        if slow:
            await client.persons.delete(raw.uuid)
        else:
            with pytest.raises(ConnectionLost):
                await client.persons.delete(raw.uuid)
