"""The head of a request in bytes. Pure; knows what every request to one origin has in common, and no resource."""

from typing import Any

from asyncclient._protocol.http import Request
from asyncclient._secret import Secret

JSON = "application/json"


class Heads:
    """What every request to one origin begins with, put together once.

    Arguments:
        host: as the Host header has it.
        key: None for an origin that must not see it.
        proxy_authorization: what the proxy on the way wants to see.
    """

    def __init__(self, host: str, key: Secret | None, proxy_authorization: Secret | None = None) -> None:
        common = {"Host": host, "User-Agent": "posthog-bulk", "Accept-Encoding": "gzip, deflate"}
        if key is not None:
            common["Authorization"] = f"Bearer {key.reveal()}"
        if proxy_authorization is not None:
            common["Proxy-Authorization"] = proxy_authorization.reveal()
        self._common = Secret("".join(f"{name}: {value}\r\n" for name, value in common.items()))

    def of(self, request: Request[Any], target: str) -> bytes:
        """The head of one request, to its empty line.

        Arguments:
            target: what is asked for: path and query, or the whole address for a proxy.

        Raises:
            ValueError: a target that would not stay one word.
        """
        if not (target.isascii() and target.isprintable()) or " " in target:
            raise ValueError("a request's target holds a character that has to be encoded")
        parts = [f"{request.method} {target} HTTP/1.1\r\n", self._common.reveal()]
        parts.append(f"Accept: {request.accept or JSON}\r\n")
        if request.body is not None:
            parts.append(f"Content-Type: {JSON}\r\nContent-Length: {len(request.body)}\r\n")
        elif request.method != "GET":
            parts.append("Content-Length: 0\r\n")
        parts.append("\r\n")
        return "".join(parts).encode()
