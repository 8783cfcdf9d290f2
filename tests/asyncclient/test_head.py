"""The head of a request: what is put into it comes out again, and nothing more can be smuggled in."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asyncclient._head import Heads
from asyncclient._protocol.http import Request
from asyncclient._protocol.responses.expectations import EmptyBody
from asyncclient._secret import Secret
from asyncclient.limits import Bucket

KEY = "phx_head_0123456789abcdefghij"


def request(method: str = "GET", **more: Any) -> Request:
    return Request(action="x", method=method, path="x/", route="x/", bucket=Bucket.OTHERS, expects=EmptyBody(), **more)


def taken_apart(head: bytes) -> tuple[str, dict[str, str]]:
    assert head.endswith(b"\r\n\r\n")
    first, *lines = head[:-4].decode("ascii").split("\r\n")
    pairs = [(name, value) for name, _, value in (line.partition(": ") for line in lines)]
    assert len({name for name, _ in pairs}) == len(pairs)
    return first, dict(pairs)


def test_a_read() -> None:
    first, headers = taken_apart(Heads("h:1", Secret(KEY)).of(request(), "/x/?a=1"))
    assert first == "GET /x/?a=1 HTTP/1.1"
    assert headers == {
        "Host": "h:1",
        "User-Agent": "posthog-bulk",
        "Accept-Encoding": "gzip, deflate",
        "Authorization": f"Bearer {KEY}",
        "Accept": "application/json",
    }


@pytest.mark.parametrize("method", ["POST", "PATCH", "DELETE"])
@pytest.mark.parametrize("body", [None, b"", b"{}", b"x" * 100_000])
def test_whoever_may_have_a_body_tells_its_length(method: str, body: bytes | None) -> None:
    _, headers = taken_apart(Heads("h", None).of(request(method, body=body), "/x/"))
    assert headers["Content-Length"] == str(len(body or b""))
    assert ("Content-Type" in headers) == (body is not None)
    assert "Authorization" not in headers


def test_what_the_answer_may_be_and_what_the_proxy_wants() -> None:
    _, headers = taken_apart(Heads("h", None, Secret("Basic eA==")).of(request(accept="text/csv"), "http://h/x/"))
    assert (headers["Accept"], headers["Proxy-Authorization"]) == ("text/csv", "Basic eA==")


@pytest.mark.slow
@given(st.text(max_size=20))
def test_a_target_is_one_word_or_refused(rest: str) -> None:
    try:
        head = Heads("h", Secret(KEY)).of(request(), "/" + rest)
    except ValueError:
        assert not ("/" + rest).isascii() or any(c <= " " or c == "\x7f" for c in rest)
        return
    first, headers = taken_apart(head)
    assert first == f"GET /{rest} HTTP/1.1"
    assert len(headers) == 5


def test_nothing_of_it_shows_the_key() -> None:
    heads = Heads("h", Secret(KEY))
    assert KEY not in repr(vars(heads))
