"""The key is in no repr, text, pickle, log, event or traceback (guarantee 27)."""

import asyncio
import copy
import io
import json
import pickle
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl
from uuid import UUID

import pytest

from asyncclient import InvalidArgument, PostHogClient, PostHogError, RetryPolicy
from asyncclient._secret import Secret
from tests.asyncclient.secrecy.error_contents import everything

HIDDEN = ("0123456789", "abcdefghij")


def innocent(text: str, key: str) -> None:
    assert key not in text
    assert not any(part in text for part in HIDDEN), [line for line in text.splitlines() if HIDDEN[0] in line]


RESPONSES = [
    "401",
    "400",
    "404",
    "429",
    "500",
    "html",
    "garbage",
    "cut",
    "reset",
    "stall",
    "redirect",
    "gzip",
    "empty",
    "array",
]
BROKEN = ("garbage", "cut", "reset", "stall")
"""The responses after which the connection cannot be used."""


@pytest.mark.parametrize("response", RESPONSES)
async def test_no_error_of_a_call_shows_the_key(raw: Any, logged: io.StringIO, response: str) -> None:
    echo = f'{{"type": "{raw.key}", "code": "{raw.key}", "detail": "key {raw.key}", "attr": "{raw.key}"}}'.encode()

    async def respond(request: Any, writer: asyncio.StreamWriter) -> bool:
        if response.isdigit():
            writer.write(raw.http(int(response), echo, X_Key=raw.key))
        elif response == "array":
            writer.write(raw.http(body=b'["' + raw.key.encode() + b'"]'))
        elif response == "html":
            writer.write(raw.http(502, b"<html>" + raw.key.encode()))
        elif response == "garbage":
            writer.write(raw.key.encode() + b"\r\n\r\n")
        elif response == "cut":
            writer.write(raw.http(body=echo, Content_Length="5000"))
        elif response == "stall":
            await request.client_gone()
        elif response == "redirect":
            writer.write(raw.http(302, echo, Location=f"http://elsewhere.invalid/?key={raw.key}"))
        elif response == "gzip":
            writer.write(raw.http(body=echo, Content_Encoding="gzip"))
        elif response == "empty":
            writer.write(raw.http(body=b""))
        if response == "reset":
            writer.transport.abort()
        await asyncio.sleep(0)
        return response not in BROKEN  # otherwise the next call finds the connection open or closed, by chance

    server = await raw.serve(respond)
    events: list[Any] = []
    client = await raw.client(server.url, timeout_s=0.3, on_event=events.append)
    asyncio.get_running_loop().set_debug(True)
    persons = client.persons
    calls = [lambda: persons.get(raw.uuid), lambda: persons.list(), lambda: persons.bulk_delete(ids=[raw.uuid])]
    if response == "empty":
        calls.pop()  # that is a success of older servers
    for call in calls:
        with pytest.raises(PostHogError) as caught:
            await call()
        innocent(everything(caught.value), raw.key)
        assert raw.uuid not in str(caught.value)
        assert pickle.loads(pickle.dumps(caught.value)).args == caught.value.args
        innocent(repr(pickle.dumps(caught.value)), raw.key)
    innocent(repr(events), raw.key)
    innocent(logged.getvalue(), raw.key)


async def test_no_failed_connection_and_no_cancellation_shows_the_key(raw: Any, unused_tcp_port: int) -> None:
    client = await raw.client(f"http://127.0.0.1:{unused_tcp_port}")
    with pytest.raises(PostHogError) as refused:
        await client.persons.get(raw.uuid)
    innocent(everything(refused.value), raw.key)

    async def stall(request: Any, writer: asyncio.StreamWriter) -> bool:
        await request.client_gone()
        return False

    server = await raw.serve(stall)
    client = await raw.client(server.url)
    task = asyncio.create_task(client.persons.bulk_delete(ids=[raw.uuid]))
    await server.arrived.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError) as cancelled:
        await task
    innocent(everything(cancelled.value), raw.key)


async def test_no_object_of_a_client_shows_the_key(raw: Any) -> None:
    server = await raw.serve(raw.http(body=b'{"results": []}'))
    client = await raw.client(server.url)
    await client.persons.list()
    seen: set[int] = set()
    shown = []
    rest: list[Any] = [client]
    while rest:
        each = rest.pop()
        if id(each) in seen or not type(each).__module__.startswith("asyncclient"):
            continue
        seen.add(id(each))
        shown += [repr(each), str(each), f"{each}"]
        if isinstance(each, Secret):
            continue
        fields = getattr(each, "__struct_fields__", ()) or (
            *getattr(each, "__slots__", ()),
            *getattr(each, "__dict__", {}),
        )
        values = [getattr(each, name) for name in fields]
        shown += [repr(values)]
        rest += values
    assert len(seen) > 10
    innocent("\n".join(shown), raw.key)
    wire = client._core.shared.wire
    assert wire is not None
    innocent(repr([vars(wire._session), vars(wire._session.connector)]), raw.key)
    for attempt in (pickle.dumps, copy.deepcopy):
        with pytest.raises(TypeError, match="cannot be pickled"):
            attempt(client)


def test_a_secret_is_never_shown() -> None:
    secret = Secret("phx_0123456789abcdefghij")
    assert (repr(secret), str(secret), f"{secret}") == ("***",) * 3
    assert secret.reveal() == "phx_0123456789abcdefghij"
    for attempt in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="cannot be pickled"):
            attempt(secret)
    assert not hasattr(secret, "__dict__")


KEY = "phx_0123456789abcdefghij"
BAD: dict[str, dict[str, Any]] = {
    "host": {"host": "nowhere"},
    "project": {"project_id": "x"},
    "timeout": {"timeout_s": -1},
    "prefix": {"api_prefix": "x"},
    "connections": {"max_connections": 0},
    "key": {"personal_api_key": KEY + "\n"},
    "token": {"personal_api_key": "phc_0123456789abcdefghij"},
}


@pytest.mark.parametrize("name", BAD)
def test_no_refusal_of_a_setting_shows_the_key(name: str) -> None:
    given = {"host": "us", "project_id": 1, "personal_api_key": KEY} | BAD[name]
    with pytest.raises(InvalidArgument) as direct:
        PostHogClient(**given)
    innocent(everything(direct.value), KEY)
    environ = {"POSTHOG_PERSONAL_API_KEY": given.pop("personal_api_key")}
    with pytest.raises(InvalidArgument) as from_env:
        PostHogClient.from_env(environ, **given)
    innocent(everything(from_env.value), KEY)


@pytest.mark.parametrize("environ", [{}, {"POSTHOG_HOST": "nowhere"}, {"POSTHOG_PERSONAL_API_KEY_FILE": "/none"}])
def test_no_refusal_of_an_environment_shows_the_key(environ: dict[str, str]) -> None:
    environ = {"POSTHOG_PERSONAL_API_KEY": KEY} | environ
    if "POSTHOG_HOST" in environ:
        environ["POSTHOG_PROJECT_ID"] = "1"
    with pytest.raises(InvalidArgument) as caught:
        PostHogClient.from_env(environ)
    innocent(everything(caught.value), KEY)


def test_no_refusal_of_an_argument_beside_an_environment_shows_the_key() -> None:
    for given in ({"host": "nowhere"}, {"project_id": None}):
        with pytest.raises(InvalidArgument) as caught:
            PostHogClient.from_env({"POSTHOG_HOST": "us"}, personal_api_key=KEY, **{"project_id": 1} | given)
        innocent(everything(caught.value), KEY)


@pytest.mark.parametrize("mode", [0o600, 0o644])
def test_no_refusal_of_a_key_file_shows_the_key(tmp_path: Path, mode: int) -> None:
    file = tmp_path / "file"
    file.write_text(KEY + "\nand more")
    file.chmod(mode)
    with pytest.raises(InvalidArgument) as caught:
        PostHogClient.from_env({"POSTHOG_PROJECT_ID": "1", "POSTHOG_PERSONAL_API_KEY_FILE": str(file)})
    innocent(everything(caught.value), KEY)


async def test_the_key_goes_to_the_configured_origin_only(raw: Any) -> None:
    elsewhere = await raw.serve(raw.http(body=b'{"results": []}'))

    async def lead_away(request: Any, writer: asyncio.StreamWriter) -> bool:
        query = dict(parse_qsl(request.target.partition("?")[2]))
        offset, limit = int(query["offset"]), int(query["limit"])
        rows = [raw.person(str(UUID(int=9 - n))) for n in range(5)][offset : offset + limit]
        following = f"{elsewhere.url}/api/projects/1/persons/?offset={offset + limit}" if len(rows) == limit else None
        writer.write(raw.http(body=json.dumps({"results": rows, "next": following}).encode()))
        return True

    server = await raw.serve(lead_away)
    client = await raw.client(server.url, retry=RetryPolicy())
    assert len([each async for each in client.persons.iter(page_size=2)]) == 5
    assert elsewhere.requests == []
    assert len(server.requests) > 2
