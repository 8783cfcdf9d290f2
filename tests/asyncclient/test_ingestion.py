"""The ingestion host: it sees the project's token and never the personal key, and nothing it says is believed of the
other one (guarantees 20, 26, 27)."""

import asyncio
import io
import json
import pickle
import time
from email.utils import formatdate
from typing import Any

import pytest

from asyncclient import CaptureEvent, InvalidArgument, PostHogClient, PostHogError, Project, UnexpectedRedirect
from asyncclient.config import parse_ingest_origin
from tests.asyncclient.secrecy.error_contents import everything

KEY = "phx_raw_0123456789abcdefghij"
TOKEN = "phc_9876543210zyxwvutsrq"
HIDDEN = ("9876543210", "zyxwvutsrq", "0123456789", "abcdefghij", "somebody", "kumquat")
EVENTS = [CaptureEvent.set("somebody", {"phone": "kumquat"}), CaptureEvent("x", "somebody")]
PROJECT = f'{{"id": 1, "name": "n", "api_token": "{TOKEN}", "status": 1}}'.encode()


@pytest.mark.parametrize(
    ("host", "given", "origin"),
    [
        ("us", None, "https://us.i.posthog.com"),
        ("eu", None, "https://eu.i.posthog.com"),
        ("https://us.posthog.com", None, "https://us.i.posthog.com"),
        ("https://app.posthog.com", None, "https://us.i.posthog.com"),
        ("https://EU.posthog.com:443/", None, "https://eu.i.posthog.com"),
        ("https://posthog.example.com:8443", None, "https://posthog.example.com:8443"),
        ("http://127.0.0.1:8010", None, "http://127.0.0.1:8010"),
        ("us", "eu", "https://eu.i.posthog.com"),
        ("us", "https://eu.i.posthog.com", "https://eu.i.posthog.com"),
        ("us", "https://us.posthog.com", "https://us.i.posthog.com"),
        ("us", "https://e.example.com", "https://e.example.com"),
        ("https://posthog.example.com", "https://us.i.posthog.com/", "https://us.i.posthog.com"),
    ],
)
def test_captured_events_go_to_the_host_that_takes_them(host: str, given: str | None, origin: str) -> None:
    client = PostHogClient(host=host, ingest_host=given, project_id=1, personal_api_key=KEY)
    assert client.ingest_origin == origin
    assert client.origin != client.ingest_origin or "posthog.com" not in origin


@pytest.mark.parametrize("given", ["", "http://e.example.com", "https://e.example.com/i", "https://u@e.example.com", 7])
def test_an_ingestion_host_is_checked_like_the_other(given: Any) -> None:
    with pytest.raises(InvalidArgument):
        PostHogClient(host="us", ingest_host=given, project_id=1, personal_api_key=KEY)


def test_plain_http_to_an_ingestion_host_is_accepted_if_allowed() -> None:
    assert parse_ingest_origin("http://e.example.com", "https://x", allow_http=True) == "http://e.example.com"


@pytest.mark.parametrize("token", ["", "phx_other", "pha_x", "phs_x", KEY, "a b", TOKEN + "\n", "\u00fc", "p" * 513, 7])
def test_an_invalid_public_token_is_refused_and_not_shown(token: Any) -> None:
    with pytest.raises(InvalidArgument, match="project API key") as caught:
        PostHogClient(host="us", project_id=1, personal_api_key=KEY, project_api_key=token)
    innocent(everything(caught.value))
    if isinstance(token, str) and token:
        environ = {"POSTHOG_PROJECT_ID": "1", "POSTHOG_PERSONAL_API_KEY": KEY, "POSTHOG_PROJECT_API_KEY": token}
        with pytest.raises(InvalidArgument, match="project API key") as from_env:
            PostHogClient.from_env(environ)
        innocent(everything(from_env.value))


def test_an_old_personal_key_without_a_prefix_is_no_token() -> None:
    with pytest.raises(InvalidArgument, match="secret key"):
        PostHogClient(host="us", project_id=1, personal_api_key="old", project_api_key="old")


def test_an_argument_wins_over_the_environment() -> None:
    environ = {"POSTHOG_PROJECT_ID": "1", "POSTHOG_PERSONAL_API_KEY": KEY, "POSTHOG_PROJECT_API_KEY": "phx_bad"}
    client = PostHogClient.from_env(environ, project_api_key=TOKEN, ingest_host="eu")
    assert client._core.shared.token is not None
    assert client._core.shared.token.reveal() == TOKEN
    assert client.ingest_origin == "https://eu.i.posthog.com"
    assert PostHogClient.from_env(environ | {"POSTHOG_PROJECT_API_KEY": ""})._core.shared.token is None


@pytest.mark.parametrize("given", [None, TOKEN])
async def test_each_host_sees_its_own_key_only(raw: Any, given: str | None) -> None:
    api = await raw.serve(raw.http(body=PROJECT))
    ingestion = await raw.serve(raw.http(body=b'{"status": 1}'))
    client = await raw.client(api.url, ingest_host=ingestion.url, project_api_key=given, personal_api_key=KEY)
    await client.capture.batch(EVENTS)
    await client.projects.get(1)
    await client.capture.batch(EVENTS)
    assert [(each.method, each.target) for each in ingestion.requests] == [("POST", "/batch/")] * 2
    for each in ingestion.requests:
        assert TOKEN.encode() in each.body
        assert KEY not in f"{each.headers} {each.target} {each.body!r}"
        assert "authorization" not in each.headers
        assert each.headers["content-type"] == "application/json"
    assert len(api.requests) == (1 if given else 2)
    for each in api.requests:
        assert each.headers["authorization"] == f"Bearer {KEY}"
        assert TOKEN not in f"{each.headers} {each.target} {each.body!r}"


async def test_on_a_self_hosted_instance_too_the_capture_route_gets_no_personal_key(raw: Any) -> None:
    server = await raw.serve(raw.http(body=PROJECT))
    client = await raw.client(server.url, personal_api_key=KEY)
    await client.capture.batch(EVENTS)
    asked, captured = server.requests
    assert "authorization" in asked.headers
    assert "authorization" not in captured.headers


async def test_a_large_body_arrives_whole_and_warns_of_nothing(raw: Any) -> None:
    server = await raw.serve(raw.http(body=b'{"status": 1}'))
    client = await raw.client(server.url, project_api_key=TOKEN)
    events = [CaptureEvent.set(f"a{n}", {"text": f"{n}" * 1000}) for n in range(3000)]
    assert await client.capture.batch(events) == 1
    (request,) = server.requests
    assert int(request.headers["content-length"]) == len(request.body) > 2**20
    sent = json.loads(request.body)["batch"]
    assert [each["distinct_id"] for each in sent] == [each.distinct_id for each in events]


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_no_redirect_of_the_ingestion_host_is_followed(raw: Any, status: int) -> None:
    elsewhere = await raw.serve(raw.http())
    ingestion = await raw.serve(raw.http(status, Location=f"{elsewhere.url}/batch/"))
    client = await raw.client(ingestion.url, project_api_key=TOKEN)
    with pytest.raises(UnexpectedRedirect):
        await client.capture.batch(EVENTS)
    assert (len(ingestion.requests), len(elsewhere.requests)) == (1, 0)


@pytest.mark.parametrize("off_s", [-90_000, 90_000])
async def test_the_ingestion_hosts_clock_is_not_the_servers(raw: Any, off_s: float) -> None:
    now = time.time()
    api = await raw.serve(raw.http(body=PROJECT, Date=formatdate(now - 5000, usegmt=True)))
    ingestion = await raw.serve(raw.http(body=b'{"status": "Ok"}', Date=formatdate(now + off_s, usegmt=True)))
    client = await raw.client(api.url, ingest_host=ingestion.url)
    for _ in range(3):  # one response alone moves the clock only a little
        await client.capture.batch(EVENTS)
    assert client.server_time() == pytest.approx(now - 5000, abs=60)


async def test_closing_closes_both_and_neither_works_after(raw: Any) -> None:
    gone = []

    async def response(request: Any, writer: asyncio.StreamWriter) -> bool:
        writer.write(raw.http(body=PROJECT))
        return True

    api, ingestion = await raw.serve(response), await raw.serve(response)
    client = await raw.client(api.url, ingest_host=ingestion.url)
    await client.capture.batch(EVENTS)
    assert (api.open, ingestion.open) == (1, 1)
    await client.aclose()
    await raw.until(lambda: api.open == ingestion.open == 0)
    for call in (client.capture.batch, client.once(lambda: gone.append(1)).capture.batch):  # type: ignore[arg-type, func-returns-value]
        with pytest.raises(RuntimeError, match="closed"):
            await call(EVENTS)
    assert gone == []


async def test_a_client_that_is_not_open_captures_nothing() -> None:
    client = PostHogClient(host="us", project_id=1, personal_api_key=KEY)
    with pytest.raises(RuntimeError, match="not open"):
        await client.capture.batch(EVENTS)


def innocent(text: str) -> None:
    assert not [line for line in text.splitlines() if any(part in line for part in HIDDEN)]


RESPONSES = ["400", "401", "429", "500", "quota", "page", "cut", "reset", "stall", "redirect", "gzip", "garbage"]


@pytest.mark.quick_cases(3)
@pytest.mark.parametrize("response", RESPONSES)
async def test_no_error_of_a_capture_shows_token_key_or_persons(raw: Any, logged: io.StringIO, response: str) -> None:
    echo = (
        f'{{"type": "{TOKEN}", "code": "{TOKEN}", "detail": "{TOKEN} somebody kumquat", "attr": "somebody"}}'.encode()
    )

    async def respond(request: Any, writer: asyncio.StreamWriter) -> bool:
        if response.isdigit():
            writer.write(raw.http(int(response), echo, X_Token=TOKEN))
        elif response == "quota":
            writer.write(raw.http(body=f'{{"quota_limited": ["{TOKEN}", "somebody kumquat"]}}'.encode()))
        elif response == "page":
            writer.write(raw.http(body=b"<" + echo))
        elif response == "cut":
            writer.write(raw.http(body=echo, Content_Length="5000"))
        elif response == "stall":
            await request.client_gone()
        elif response == "redirect":
            writer.write(raw.http(302, echo, Location=f"http://elsewhere.invalid/?key={TOKEN}"))
        elif response == "gzip":
            writer.write(raw.http(body=echo, Content_Encoding="gzip"))
        elif response == "garbage":
            writer.write(TOKEN.encode() + b"\r\n\r\n")
        if response == "reset":
            writer.transport.abort()
        await asyncio.sleep(0)
        return False

    api = await raw.serve(raw.http(body=PROJECT))
    ingestion = await raw.serve(respond)
    events: list[Any] = []
    for token in (None, TOKEN):
        client = await raw.client(
            api.url, ingest_host=ingestion.url, project_api_key=token, timeout_s=0.3, on_event=events.append
        )
        asyncio.get_running_loop().set_debug(True)
        with pytest.raises(PostHogError) as caught:
            await client.capture.batch(EVENTS)
        innocent(everything(caught.value))
        innocent(repr(pickle.dumps(caught.value)))
        innocent(repr(client._core.shared) + repr(client) + repr(client.capture))
    innocent(repr(events))
    innocent(logged.getvalue())


async def test_no_cancelled_capture_shows_token_or_persons(raw: Any) -> None:
    async def stall(request: Any, writer: asyncio.StreamWriter) -> bool:
        await request.client_gone()
        return False

    server = await raw.serve(stall)
    client = await raw.client(server.url, project_api_key=TOKEN)
    task = asyncio.create_task(client.capture.batch(EVENTS))
    await server.arrived.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError) as cancelled:
        await task
    innocent(everything(cancelled.value))


async def test_no_repr_of_a_project_shows_its_token(raw: Any) -> None:
    server = await raw.serve(raw.http(body=PROJECT))
    client = await raw.client(server.url)
    project = await client.projects.get(1)
    assert isinstance(project, Project)
    assert project.api_token == TOKEN
    for text in (repr(project), str(project), repr(project.__rich_repr__())):
        innocent(text)
        assert "'n'" in text


@pytest.mark.parametrize("host", ["nonsense://x", "x y", "https://[::1", "https://a@b", "https://x/path"])
def test_a_wrong_ingestion_host_is_named_as_such(host: str) -> None:
    with pytest.raises(InvalidArgument, match="ingestion host") as refused:
        parse_ingest_origin(host, "https://us.posthog.com")
    assert "POSTHOG_HOST" not in str(refused.value)
