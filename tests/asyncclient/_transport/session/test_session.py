"""The wire against servers of raw bytes: what is sent, how often, and what each way of failing becomes."""

import asyncio
import contextlib
import socket
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from asyncclient import (
    ConnectFailed,
    ConnectionLost,
    NotFound,
    PostHogClient,
    RequestFinished,
    RetryPolicy,
    TimedOut,
    TransportError,
    UnexpectedRedirect,
)
from asyncclient._transport.session import timeout_of


def reset(writer: asyncio.StreamWriter) -> None:
    """Close with RST instead of FIN."""
    sock = writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


CALLS: dict[str, Callable[[PostHogClient, str], Any]] = {
    "GET": lambda client, uuid: client.persons.get(uuid),
    "DELETE": lambda client, uuid: client.persons.delete(uuid),
    "POST": lambda client, uuid: client.persons.delete_events(uuid),
}


@pytest.mark.parametrize("method", CALLS)
@pytest.mark.parametrize("ending", ["fin", "rst", "kept alive"])
async def test_a_dropped_connection_does_not_send_twice(raw: Any, method: str, ending: str) -> None:
    async def drop(request: Any, writer: asyncio.StreamWriter) -> bool:
        if ending == "kept alive" and len(server.requests) == 1:
            writer.write(raw.http(body=b'{"results": [], "next": null}'))
            return True
        if ending == "rst":
            reset(writer)
        return False

    server = await raw.serve(drop)
    client = await raw.client(server.url)
    before = 0
    if ending == "kept alive":
        await client.persons.list()
        before = 1
    with pytest.raises(ConnectionLost) as caught:
        await CALLS[method](client, raw.uuid)
    assert caught.value.sent is True
    assert [each.method for each in server.requests[before:]] == [method]


async def test_an_idle_connection_that_the_server_closed_loses_no_request_unnoticed(raw: Any) -> None:
    async def once(request: Any, writer: asyncio.StreamWriter) -> bool:
        writer.write(raw.http(body=b'{"results": [], "next": null}'))
        return False

    server = await raw.serve(once)
    client = await raw.client(server.url)
    await client.persons.list()
    await server.left.wait()
    with contextlib.suppress(ConnectionLost):
        await client.persons.delete(raw.uuid)
    assert len([each for each in server.requests if each.method == "DELETE"]) <= 1


async def test_a_refused_connection_is_a_failure_before_anything_was_sent(raw: Any, unused_tcp_port: int) -> None:
    client = await raw.client(f"http://127.0.0.1:{unused_tcp_port}")
    with pytest.raises(ConnectFailed) as caught:
        await client.persons.delete(raw.uuid)
    assert caught.value.sent is False
    assert str(caught.value) == "DELETE persons/:id/: no connection (Connection refused)"


async def test_an_unknown_host_is_a_failure_before_anything_was_sent(raw: Any, monkeypatch: Any) -> None:
    async def unknown(*args: Any, **kwargs: Any) -> Any:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    client = await raw.client("https://posthog.invalid")
    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", unknown)
    with pytest.raises(
        ConnectFailed, match=r"GET persons/:id/: no connection \(no address is known for the host 'posthog.invalid'\)"
    ) as e:
        await client.persons.get(raw.uuid)
    assert e.value.sent is False


async def test_a_server_that_speaks_no_tls_is_a_failure_before_anything_was_sent(raw: Any) -> None:
    reached = []

    async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        reached.append(await reader.read(4096))
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(plain, "127.0.0.1", 0)
    async with server:
        client = await raw.client(f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        with pytest.raises(ConnectFailed, match="TLS") as caught:
            await client.persons.delete(raw.uuid)
    assert caught.value.sent is False
    assert raw.key.encode() not in b"".join(reached)


@pytest.fixture
def a_second_to_connect(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a call of 20 s wait 1 s for a connection: on a busy machine, the loop may stand still for a while."""
    monkeypatch.setattr("asyncclient._transport.session.SHARE_TO_CONNECT", 0.05)
    monkeypatch.setattr("asyncclient._transport.session.MOST_TO_RESPOND_S", 20.0)
    # its cache may hold what other tests asked for, and keeps nothing of this one
    monkeypatch.setattr("asyncclient._transport.session.timeout_of", timeout_of.__wrapped__)


@pytest.mark.usefixtures("a_second_to_connect")
async def test_a_connection_that_takes_too_long_is_not_a_lost_response(raw: Any) -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full, contextlib.ExitStack() as fillers:
        address = full.getsockname()
        for _ in range(8):  # what the backlog does not take gets no response to its SYN
            filler = fillers.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(address)
        client = await raw.client(f"http://127.0.0.1:{address[1]}", timeout_s=20.0)
        with pytest.raises(ConnectFailed, match=r"no connection within 1 s") as caught:
            await client.persons.delete(raw.uuid)
    assert caught.value.sent is False


@pytest.mark.usefixtures("a_second_to_connect")
async def test_waiting_for_a_free_connection_counts_for_the_timeout_and_sends_nothing(raw: Any) -> None:
    async def stall(request: Any, writer: asyncio.StreamWriter) -> bool:
        await request.client_gone()
        return False

    server = await raw.serve(stall)
    client = await raw.client(server.url, max_connections=1, timeout_s=60)
    first = asyncio.create_task(client.persons.get(raw.uuid))
    await server.arrived.wait()
    with pytest.raises(ConnectFailed, match=r"no connection within 1 s") as caught:
        await client.persons.bulk_delete(ids=[raw.uuid], timeout_s=20.0)
    assert caught.value.sent is False
    assert len(server.requests) == 1
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)


@pytest.mark.parametrize("said", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{"])
async def test_a_stall_is_a_timeout_that_may_have_had_an_effect(raw: Any, said: bytes) -> None:
    async def stall(request: Any, writer: asyncio.StreamWriter) -> bool:
        writer.write(said)
        await request.client_gone()
        return False

    server = await raw.serve(stall)
    client = await raw.client(server.url, timeout_s=1.0)
    with pytest.raises(TimedOut, match=r"no response within 1 s") as caught:
        await client.persons.delete(raw.uuid)
    assert caught.value.sent is True
    await asyncio.wait_for(server.left.wait(), 30)


async def test_a_reset_in_the_middle_of_the_body_is_a_lost_connection(raw: Any) -> None:
    async def cut(request: Any, writer: asyncio.StreamWriter) -> bool:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + b"{" * 1000)
        await writer.drain()
        reset(writer)
        return False

    server = await raw.serve(cut)
    client = await raw.client(server.url)
    with pytest.raises(ConnectionLost) as caught:
        await client.persons.get(raw.uuid)
    assert caught.value.sent is True


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_never_followed(raw: Any, status: int) -> None:
    elsewhere = await raw.serve(raw.http())
    server = await raw.serve(raw.http(status, b"", Location=f"{elsewhere.url}/api/projects/1/persons/"))
    client = await raw.client(server.url)
    for call in (client.persons.list(), client.persons.delete(raw.uuid)):
        with pytest.raises(UnexpectedRedirect):
            await call
    assert elsewhere.requests == []
    assert len(server.requests) == 2


async def test_no_cookie_is_kept(raw: Any) -> None:
    server = await raw.serve(raw.http(body=b'{"results": []}', Set_Cookie="session=1; Path=/"))
    client = await raw.client(server.url.replace("127.0.0.1", "localhost"))  # jars refuse cookies of addresses anyway
    await client.persons.list()
    await client.persons.list()
    assert "cookie" not in server.requests[1].headers


async def test_the_environments_proxy_and_netrc_are_used_only_when_asked(
    raw: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    proxy = await raw.serve(raw.http(body=b'{"results": []}'))
    server = await raw.serve(raw.http(body=b'{"results": []}'))
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login someone password else\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("http_proxy", proxy.url)
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    await (await raw.client(server.url)).persons.list()
    assert (len(server.requests), len(proxy.requests)) == (1, 0)
    await (await raw.client(server.url, trust_env=True)).persons.list()
    assert (len(server.requests), len(proxy.requests)) == (1, 1)
    for each in (server.requests[0], proxy.requests[0]):
        assert each.headers["authorization"] == f"Bearer {raw.key}"  # never the one of the netrc


async def test_target_headers_and_body_are_sent_exactly_as_built(raw: Any) -> None:
    server = await raw.serve(raw.http(body=b'{"results": [], "persons_found": 1, "events_queued_for_deletion": true}'))
    client = await raw.client(server.url)
    await client.persons.list(distinct_id="a b+c/../%2e?&=#\u00fc\n", limit=5)
    await client.persons.bulk_delete(ids=[raw.uuid], delete_events=True)
    get, post = server.requests
    assert get.target == (
        "/api/projects/1/persons/?distinct_id=a+b%2Bc%2F..%2F%252e%3F%26%3D%23%C3%BC%0A&limit=5&offset=0"
    )
    assert "content-type" not in get.headers
    assert get.headers["authorization"] == f"Bearer {raw.key}"
    assert "gzip" in get.headers["accept-encoding"]
    assert post.headers["content-type"] == "application/json"
    assert post.body == b'{"ids":["%b"],"delete_events":true,"delete_recordings":false,"keep_person":false}' % (
        raw.uuid.encode()
    )


async def test_informational_responses_are_skipped(raw: Any) -> None:
    early = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"
    server = await raw.serve(early + raw.http(body=b'{"results": []}'))
    client = await raw.client(server.url)
    for _ in range(2):
        assert (await client.persons.list()).results == []
    assert server.connections == 1


@pytest.mark.parametrize("size", [10, 60_000, 66_000, 20_000_000])
async def test_a_body_of_any_size_arrives_whole_and_the_connection_serves_again(raw: Any, size: int) -> None:
    server = await raw.serve(raw.http(body=b""))
    client = await raw.client(server.url)
    for _ in range(2):
        await client.persons.update(raw.uuid, {"long": "x" * size})
    assert [len(each.body) for each in server.requests] == [len('{"properties":{"long":""}}') + size] * 2
    assert server.connections == 1


async def test_a_post_without_fields_has_no_body(raw: Any) -> None:
    server = await raw.serve(raw.http(202, b""))
    client = await raw.client(server.url)
    await client.persons.delete_events(raw.uuid)
    assert server.requests[0].body == b""
    assert server.requests[0].headers.get("content-length", "0") == "0"


@pytest.mark.parametrize("moment", ["connecting", "before the response", "in the body"])
async def test_cancellation_leaks_neither_connection_nor_event(raw: Any, moment: str) -> None:
    async def stall(request: Any, writer: asyncio.StreamWriter) -> bool:
        if moment == "in the body":
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{")
        await request.client_gone()
        return False

    server = await raw.serve(stall)
    events: list[Any] = []
    client = await raw.client(server.url, on_event=events.append)
    task = asyncio.create_task(client.persons.get(raw.uuid))
    if moment == "connecting":
        await asyncio.sleep(0)
    else:
        await server.arrived.wait()
        for _ in range(20):
            await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    # aiohttp does not tell whether it had a connection already: bytes may have left
    assert [(each.action, each.status) for each in events if isinstance(each, RequestFinished)] == [("retrieve", None)]
    if moment != "connecting":
        await asyncio.wait_for(server.left.wait(), 30)
    await client.aclose()
    assert server.open == 0


async def test_a_closed_client_says_so(raw: Any) -> None:
    server = await raw.serve(raw.http())
    client = await raw.client(server.url)
    with pytest.raises(RuntimeError, match="opened once"):
        await client.__aenter__()
    await client.aclose()
    with pytest.raises(RuntimeError, match="the client is closed"):
        await client.persons.get(raw.uuid)
    with pytest.raises(RuntimeError, match="opened once"):
        await client.__aenter__()
    assert server.requests == []


async def test_closing_while_calls_are_under_way_ends_them_as_lost(raw: Any) -> None:
    async def stall(request: Any, writer: asyncio.StreamWriter) -> bool:
        await request.client_gone()
        return False

    server = await raw.serve(stall)
    client = await raw.client(server.url, retry=RetryPolicy(base_s=0.0))
    task = asyncio.create_task(client.persons.get(raw.uuid))
    await server.arrived.wait()
    await client.aclose()
    with pytest.raises((ConnectionLost, RuntimeError)):
        await task


async def test_a_client_that_was_not_opened_says_so(raw: Any) -> None:
    client = PostHogClient(host="us", project_id=1, personal_api_key=raw.key)
    with pytest.raises(RuntimeError, match="async with"):
        await client.persons.get(raw.uuid)
    with pytest.raises(RuntimeError, match="async with"):
        await client.persons.delete(raw.uuid)


async def test_bytes_are_not_yet_sent_when_a_write_finds_no_connection(raw: Any, unused_tcp_port: int) -> None:
    client = await raw.client(f"http://127.0.0.1:{unused_tcp_port}")
    events: list[Any] = []
    with pytest.raises(TransportError):
        await client.observed(events.append).persons.delete(raw.uuid)
    assert events == []


async def test_not_found_needs_the_exact_words(raw: Any) -> None:
    server = await raw.serve(raw.http(404, b'{"detail": "Not found."}'))
    client = await raw.client(server.url)
    with pytest.raises(NotFound):
        await client.persons.get(raw.uuid)
