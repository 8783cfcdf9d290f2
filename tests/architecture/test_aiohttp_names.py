"""What the client uses of aiohttp: a list, each entry of which aiohttp documents (its client reference, streams)."""

import ast
import inspect
from collections.abc import Iterator
from pathlib import Path

import aiohttp

from asyncclient._transport import session

CLIENT = Path(__file__).parents[2] / "asyncclient"
SOURCES = sorted(path for path in CLIENT.rglob("*.py") if "testing" not in path.relative_to(CLIENT).parts)

NAMES = {
    "ClientConnectionError",
    "ClientConnectorCertificateError",
    "ClientConnectorDNSError",
    "ClientConnectorError",
    "ClientError",
    "ClientHandlerType",
    "ClientOSError",
    "ClientPayloadError",
    "ClientRequest",
    "ClientResponse",
    "ClientResponseError",
    "ClientSession",
    "ClientTimeout",
    "ConnectionTimeoutError",
    "DummyCookieJar",
    "InvalidURL",
    "ServerDisconnectedError",
    "ServerFingerprintMismatch",
    "TCPConnector",
}
SETTINGS = {"auto_decompress", "max_field_size", "max_headers", "max_line_size", "raise_for_status", "read_bufsize"}
"""Of the client's own session, and of each call through a session of the user."""
ARGUMENTS = {
    "ClientSession": {"connector", "cookie_jar", "headers", "proxy", *SETTINGS},
    "TCPConnector": {"limit", "ssl"},
    "ClientTimeout": {"total", "connect", "sock_read", "ceil_threshold"},
    "request": {"allow_redirects", "data", "headers", "middlewares", "skip_auto_headers", "timeout", *SETTINGS},
}
ATTRIBUTES = {
    "ClientSession": {"close", "closed", "connector", "headers", "request"},
    "BaseConnector": {"limit"},
    "ClientRequest": {"headers", "url"},
    "ClientTimeout": {"connect"},
    "ClientResponse": {"close", "content", "headers", "release", "status"},
    "ClientResponseError": {"request_info", "status"},
    "RequestInfo": {"method"},
    "StreamReader": {"at_eof", "readany"},
}
"""Of the objects that aiohttp returns or passes. Kept by hand."""


def trees() -> Iterator[tuple[Path, ast.Module]]:
    for path in SOURCES:
        yield path, ast.parse(path.read_text())


def test_the_client_uses_exactly_these_names() -> None:
    used = set()
    for path, tree in trees():
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom):
                assert (node.module or "").partition(".")[0] != "aiohttp", (
                    f"{path}: import aiohttp, and name what is used"
                )
            if isinstance(node, ast.Import):
                assert not [each.name for each in node.names if each.name.startswith("aiohttp.")], path
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.startswith("aiohttp."):
                used.add(node.value.split()[0].removeprefix("aiohttp."))  # an annotation
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "aiohttp":
                used.add(node.attr)
    assert used == NAMES
    assert set(aiohttp.__all__) >= NAMES


def test_the_client_passes_exactly_these_arguments() -> None:
    used: dict[str, set[str]] = {name: set() for name in ARGUMENTS}
    for path, tree in trees():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in used:
                of_aiohttp = isinstance(node.func.value, ast.Name) and node.func.value.id == "aiohttp"
                if of_aiohttp or (node.func.attr == "request" and path.name == "session.py"):
                    for each in node.keywords:
                        used[node.func.attr] |= session.SETTINGS.keys() if each.arg is None else {each.arg}
    assert used == ARGUMENTS


def test_this_aiohttp_has_them_all() -> None:
    for name in ("ClientSession", "TCPConnector", "ClientTimeout"):
        assert set(inspect.signature(getattr(aiohttp, name)).parameters) >= ARGUMENTS[name]
    for name, attributes in ATTRIBUTES.items():
        kind = getattr(aiohttp, name)
        known = (
            set(dir(kind)) | set(getattr(kind, "__annotations__", {})) | {"request_info", "status", "url", "headers"}
        )
        assert known >= attributes, name
