"""What a request looks like when it is sent: its target, and every header."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asyncclient import InvalidArgument
from asyncclient._transport.session import target_of

COMMON = {"host", "user-agent", "accept-encoding", "authorization", "accept"}


async def test_a_read_sends_these_headers_and_no_others(raw: Any) -> None:
    server = await raw.serve(raw.http(body=b'{"results": []}'))
    client = await raw.client(server.url)
    await client.persons.list()
    (seen,) = server.requests
    assert seen.headers == {
        "host": server.url.removeprefix("http://"),
        "user-agent": "posthog-bulk",
        "accept-encoding": "gzip, deflate",
        "authorization": f"Bearer {raw.key}",
        "accept": "application/json",
    }


async def test_a_request_with_a_body_has_type_and_length_and_one_without_only_its_length(raw: Any) -> None:
    server = await raw.serve(raw.http(body=b""))
    client = await raw.client(server.url)
    await client.persons.delete(raw.uuid)
    await client.persons.delete_events(raw.uuid)
    await client.persons.update(raw.uuid, {"a": 1})
    await client.persons.update(raw.uuid, {"a": "x" * 100_000})
    delete, post, patch, large = server.requests
    for seen in (delete, post):
        assert set(seen.headers) == COMMON | {"content-length"}
        assert seen.headers["content-length"] == "0"
    for seen in (patch, large):
        assert set(seen.headers) == COMMON | {"content-length", "content-type"}
        assert seen.headers["content-type"] == "application/json"
        assert seen.headers["content-length"] == str(len(seen.body))


async def test_an_export_asks_for_csv(raw: Any) -> None:
    server = await raw.serve(raw.http(body=b"a,b\n", Content_Type="text/csv"))
    client = await raw.client(server.url)
    async with client.persons.export_csv() as parts:
        _ = [part async for part in parts]
    assert server.requests[0].headers["accept"].startswith("text/csv")


async def test_the_user_agent_is_what_was_given(raw: Any) -> None:
    server = await raw.serve(raw.http(body=b'{"results": []}'))
    client = await raw.client(server.url, user_agent="our-app/3 (posthog-bulk)")
    await client.persons.list()
    assert server.requests[0].headers["user-agent"] == "our-app/3 (posthog-bulk)"


@pytest.mark.parametrize("user_agent", ["", " ", "a\nb: c", "a\u00fc", 7])
async def test_a_user_agent_that_is_no_line_of_text_is_refused(raw: Any, user_agent: Any) -> None:
    with pytest.raises(InvalidArgument, match="user_agent"):
        await raw.client("http://127.0.0.1:1", user_agent=user_agent)


@given(st.text(max_size=20), st.text(max_size=20))
def test_a_target_is_one_word_or_refused(rest: str, value: str) -> None:
    try:
        target = target_of(rest, (("a", value),))
    except ValueError:
        assert not rest.isascii() or any(c <= " " or c == "\x7f" for c in rest)
        return
    assert target.startswith(f"{rest}?a=")
    assert target.split() == [target]
    assert target_of(rest, ()) == rest
