"""The settings of the session that a client makes for itself, checked. Pure."""

import ssl
from typing import Final
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import msgspec

from asyncclient._secret import Secret
from asyncclient.errors import InvalidArgument, shown

USER_AGENT: Final = "posthog-bulk"


class SessionOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What a client's own session is made of.

    Arguments:
        max_connections: kept open at once.
        ssl_context: verifies the server; None trusts the certificate authorities of the system.
        proxy: its URL, which may hold a password.
        trust_env: whether the proxies that the environment names are used.
        user_agent: the value of the User-Agent header.

    Raises:
        InvalidArgument: one of them cannot be used.
    """

    max_connections: int = 64
    ssl_context: ssl.SSLContext | None = None
    proxy: Secret | None = None
    trust_env: bool = False
    user_agent: str | None = None

    def __post_init__(self) -> None:
        most = self.max_connections
        if isinstance(most, bool) or not isinstance(most, int) or most < 1:
            raise InvalidArgument(f"max_connections {shown(most)} is not a whole number of at least 1")
        _check_ssl(self.ssl_context)
        if self.proxy is not None and not _is_proxy(self.proxy):
            raise InvalidArgument("the proxy is not a URL such as http://host:port or http://user:password@host:port")
        if self.user_agent is not None and not _is_header_value(self.user_agent):
            raise InvalidArgument(f"user_agent {shown(self.user_agent)} is not a line of ASCII text")

    def proxy_to(self, origin: str) -> Secret | None:
        """The proxy on the way to an origin: the one that is set, or else the environment's where that is trusted.

        aiohttp reads the environment in a thread for each call, takes credentials from netrc with it, and refuses a
        proxy that is named without a scheme, as curl and requests take it.

        Raises:
            InvalidArgument: the environment's is not the URL of a proxy; it is not shown, since it may hold a password.
        """
        parts = urlsplit(origin)
        if self.proxy is not None or not self.trust_env or proxy_bypass(parts.hostname or ""):
            return self.proxy
        named = getproxies().get(parts.scheme)
        if not named:
            return None
        proxy = Secret(named if "://" in named else f"http://{named}")
        named = ""  # no frame of a traceback holds the password
        if not _is_proxy(proxy):
            raise InvalidArgument(
                f"the environment's {parts.scheme}_proxy is no proxy's address: give http://host:port"
            )
        return proxy

    def check_unused(self) -> None:
        """Check that nothing is set that a user's own session would have to honour.

        Raises:
            InvalidArgument: something is.
        """
        given = {"ssl": self.ssl_context, "proxy": self.proxy, "user_agent": self.user_agent}
        names = [name for name, value in given.items() if value is not None] + ["trust_env"] * self.trust_env
        if names:
            raise InvalidArgument(
                f"{names[0]} is a setting of the client's own session: set it on the session you give"
            )


def _check_ssl(context: ssl.SSLContext | None) -> None:
    if context is None:
        return
    if not isinstance(context, ssl.SSLContext):
        raise InvalidArgument(
            f"ssl is of type {type(context).__name__}: give an ssl.SSLContext, such as "
            "ssl.create_default_context(cafile=...)"
        )
    if context.verify_mode is not ssl.CERT_REQUIRED or not context.check_hostname:
        raise InvalidArgument(
            "the ssl context does not verify the server, so anyone on the way could read the key: "
            "make it with ssl.create_default_context(cafile=...)"
        )


def _is_proxy(proxy: Secret) -> bool:
    text = proxy.reveal()
    if not _is_header_value(text) or " " in text:
        return False
    try:
        parts = urlsplit(text)
        is_origin = parts.path in ("", "/") and not parts.query and not parts.fragment
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0 and is_origin
    except ValueError:
        return False


def _is_header_value(text: object) -> bool:
    return isinstance(text, str) and text.isascii() and text.isprintable() and bool(text.strip())
