"""A session of the user's: what of it is honoured, and what it cannot change."""

import asyncio
import gzip
import ssl
import warnings
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from yarl import URL

from asyncclient import (
    ConnectFailed,
    ConnectionLost,
    InvalidArgument,
    NotFound,
    PostHogClient,
    ServerError,
    UnexpectedRedirect,
)

EMPTY = b'{"results": []}'


async def test_the_sessions_headers_are_sent_and_replace_none_of_the_clients(raw: Any) -> None:
    headers = {
        "X-Team": "data",
        "User-Agent": "ours/1",
        "Authorization": "Basic x",
        "Accept": "text/html",
        "Accept-Encoding": "br",
    }
    server = await raw.serve(raw.http(body=EMPTY))
    async with aiohttp.ClientSession(headers=headers) as session:
        client = await raw.client(server.url, session=session)
        await client.persons.list()
    seen = server.requests[0].headers
    assert (seen["x-team"], seen["user-agent"]) == ("data", "ours/1")
    assert seen["authorization"] == f"Bearer {raw.key}"
    assert (seen["accept"], seen["accept-encoding"]) == ("application/json", "gzip, deflate")


async def test_a_session_without_a_user_agent_sends_that_of_the_client(raw: Any) -> None:
    server = await raw.serve(raw.http(body=EMPTY))
    async with aiohttp.ClientSession() as session:
        await (await raw.client(server.url, session=session)).persons.list()
    assert server.requests[0].headers["user-agent"] == "posthog-bulk"


async def test_the_sessions_authorization_does_not_go_to_the_ingestion_host(raw: Any) -> None:
    server = await raw.serve(raw.http(body=b'{"status": "Ok"}'))
    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {raw.key}"}) as session:
        client = await raw.client(server.url, session=session, project_api_key="phc_0123456789")
        await client.capture.batch([_event()])
    assert "authorization" not in server.requests[-1].headers


def _event() -> Any:
    from asyncclient import CaptureEvent

    return CaptureEvent(event="x", distinct_id="ada")


async def test_the_sessions_cookies_are_not_sent(raw: Any) -> None:
    server = await raw.serve(raw.http(body=EMPTY, Set_Cookie="sessionid=other; Path=/"))
    url = server.url.replace("127.0.0.1", "localhost")
    async with aiohttp.ClientSession(cookies={"sessionid": "mine"}) as session:
        client = await raw.client(url, session=session)
        session.cookie_jar.update_cookies({"csrftoken": "1"}, URL(url))
        await client.persons.list()
        await client.persons.list()
    assert [request.headers.get("cookie") for request in server.requests] == [None, None]


async def test_the_sessions_base_url_changes_no_address(raw: Any) -> None:
    elsewhere, server = await raw.serve(raw.http()), await raw.serve(raw.http(body=EMPTY))
    async with aiohttp.ClientSession(base_url=f"{elsewhere.url}/api/") as session:
        await (await raw.client(server.url, session=session)).persons.list()
    assert (elsewhere.requests, len(server.requests)) == ([], 1)


@pytest.mark.parametrize(("status", "kind"), [(404, NotFound), (500, ServerError), (302, UnexpectedRedirect)])
async def test_a_session_that_raises_for_a_status_does_not_for_the_clients_calls(
    raw: Any, status: int, kind: type[Exception]
) -> None:
    server = await raw.serve(raw.http(status, b'{"detail": "Not found."}', Location="/elsewhere"))
    async with aiohttp.ClientSession(raise_for_status=True) as session:
        client = await raw.client(server.url, session=session)
        with pytest.raises(kind):
            await client.persons.get(raw.uuid)
    assert len(server.requests) == 1


async def test_neither_the_sessions_login_nor_netrc_replaces_the_key(
    raw: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login someone password else\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    server = await raw.serve(raw.http(body=EMPTY))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        with_login = aiohttp.ClientSession(auth=aiohttp.BasicAuth("someone", "else"))
    async with with_login, aiohttp.ClientSession(trust_env=True) as with_netrc:
        for session in (with_login, with_netrc):
            await (await raw.client(server.url, session=session)).persons.list()
    assert [request.headers["authorization"] for request in server.requests] == [f"Bearer {raw.key}"] * 2


async def test_the_sessions_limits_of_time_and_size_do_not_apply_to_the_client(raw: Any) -> None:
    async def late(request: Any, writer: asyncio.StreamWriter) -> bool:
        for _ in range(50):
            await asyncio.sleep(0)
        if request.method == "GET":
            writer.write(raw.http(body=gzip.compress(EMPTY), Content_Encoding="gzip"))
        else:
            writer.write(raw.http(body=b"", X=("a" * 100_000)))
        return True

    server = await raw.serve(late)
    session = aiohttp.ClientSession(
        timeout=aiohttp.ClientTimeout(total=1e-6),
        auto_decompress=False,
        max_line_size=1 << 20,
        max_field_size=1 << 20,
    )
    async with session:
        client = await raw.client(server.url, session=session)
        assert (await client.persons.list()).results == []
        with pytest.raises(ConnectionLost, match="headers are too large"):
            await client.persons.delete(raw.uuid)


async def test_closing_the_client_ends_its_calls_and_leaves_the_session_open(raw: Any) -> None:
    async def stall(request: Any, writer: asyncio.StreamWriter) -> bool:
        if request.path == "/mine":
            writer.write(raw.http())
            return True
        await request.client_gone()
        return False

    server = await raw.serve(stall)
    async with aiohttp.ClientSession() as session:
        client = await raw.client(server.url, session=session)
        call = asyncio.create_task(client.persons.delete(raw.uuid))
        await server.arrived.wait()
        await client.aclose()
        with pytest.raises(ConnectionLost, match="the client was closed"):
            await call
        assert not session.closed
        async with session.get(f"{server.url}/mine") as response:
            assert response.status == 200


async def test_a_session_that_was_closed_says_so(raw: Any) -> None:
    session = aiohttp.ClientSession()
    client = await raw.client("http://127.0.0.1:1", session=session)
    await session.close()
    with pytest.raises(RuntimeError, match="the session that this client was given is closed"):
        await client.persons.list()


async def test_a_session_of_another_loop_says_so(raw: Any) -> None:
    server = await raw.serve(raw.http(body=EMPTY))

    async def make() -> aiohttp.ClientSession:
        return aiohttp.ClientSession()

    other = asyncio.new_event_loop()
    try:
        session = await asyncio.to_thread(other.run_until_complete, make())
        client = await raw.client(server.url, session=session)
        for call in (client.persons.list, lambda: client.persons.delete(raw.uuid)):
            with pytest.raises(RuntimeError, match="belongs to another event loop: make it in the one that uses the"):
                await call()
        await asyncio.to_thread(other.run_until_complete, session.close())
    finally:
        other.close()
    assert server.requests == []


async def test_the_sessions_middlewares_do_not_see_the_calls(raw: Any) -> None:
    seen = []

    async def again(request: Any, handler: Any) -> Any:
        seen.append(request)
        await handler(request)
        return await handler(request)

    server = await raw.serve(raw.http(500, b""))
    async with aiohttp.ClientSession(middlewares=(again,)) as session:
        client = await raw.client(server.url, session=session)
        with pytest.raises(ServerError):
            await client.persons.delete(raw.uuid)
    assert (seen, len(server.requests)) == ([], 1)


def subclass(**methods: Any) -> type[aiohttp.ClientSession]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # aiohttp discourages it, and people do it
        return type("Changed", (aiohttp.ClientSession,), methods)


async def test_a_session_that_sends_twice_sends_once(raw: Any) -> None:
    async def twice(self: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            return await aiohttp.ClientSession._request(self, *args, **kwargs)
        except aiohttp.ClientError:
            return await aiohttp.ClientSession._request(self, *args, **kwargs)

    async def drop(request: Any, writer: asyncio.StreamWriter) -> bool:
        return False

    server = await raw.serve(drop)
    async with subclass(_request=twice)() as session:
        client = await raw.client(server.url, session=session)
        with pytest.raises(ConnectionLost) as caught:
            await client.persons.delete(raw.uuid)
    assert caught.value.sent is True
    assert len(server.requests) == 1


async def test_a_session_that_follows_redirects_gets_the_key_nowhere_else(raw: Any) -> None:
    async def follow(self: Any, *args: Any, **kwargs: Any) -> Any:
        return await aiohttp.ClientSession._request(self, *args, **kwargs | {"allow_redirects": True})

    elsewhere = await raw.serve(raw.http(body=EMPTY))
    server = await raw.serve(raw.http(307, b"", Location=f"{elsewhere.url}/api/"))
    async with subclass(_request=follow)() as session:
        client = await raw.client(server.url, session=session)
        with pytest.raises(ConnectionLost) as caught:
            await client.persons.delete(raw.uuid)
    assert caught.value.sent is True
    assert elsewhere.requests == []


async def test_a_session_that_sends_elsewhere_sends_nothing(raw: Any) -> None:
    elsewhere, server = await raw.serve(raw.http(body=EMPTY)), await raw.serve(raw.http(body=EMPTY))

    async def reroute(self: Any, method: str, url: Any, **kwargs: Any) -> Any:
        return await aiohttp.ClientSession._request(self, method, f"{elsewhere.url}{url.path}", **kwargs)

    async with subclass(_request=reroute)() as session:
        client = await raw.client(server.url, session=session)
        with pytest.raises((ConnectFailed, ConnectionLost)):
            await client.persons.delete(raw.uuid)
    assert (server.requests, elsewhere.requests) == ([], [])


@pytest.mark.parametrize("given", [object(), "session", aiohttp.ClientSession])
async def test_an_object_that_is_no_session_is_refused(given: Any) -> None:
    with pytest.raises(InvalidArgument, match=r"session is of type \w+, and not an aiohttp\.ClientSession"):
        PostHogClient(host="us", project_id=1, personal_api_key="phx_x", session=given)


@pytest.mark.parametrize(
    "setting",
    [
        {"ssl": ssl.create_default_context()},
        {"proxy": "http://proxy:3128"},
        {"trust_env": True},
        {"user_agent": "ours/1"},
    ],
)
async def test_settings_of_the_clients_own_session_are_refused_beside_one(setting: dict[str, Any]) -> None:
    async with aiohttp.ClientSession() as session:
        name = next(iter(setting))
        with pytest.raises(InvalidArgument, match=f"{name} is a setting of the client's own session"):
            PostHogClient(host="us", project_id=1, personal_api_key="phx_x", session=session, **setting)
