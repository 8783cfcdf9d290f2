"""The proxy that the environment names for an origin, as curl and requests read it. Sends nothing."""

from base64 import b64encode
from contextlib import suppress
from urllib.request import getproxies, proxy_bypass

import msgspec
from yarl import URL

from asyncclient._secret import Secret
from asyncclient.errors import InvalidArgument


class Proxy(msgspec.Struct, frozen=True):
    """A proxy.

    Arguments:
        address: without name and password, which connections would show.
        authorization: the header's value, where it wants to see one.
    """

    address: URL
    authorization: Secret | None

    def headers(self, host: str) -> dict[str, str] | None:
        """What the request for a tunnel to a host holds, where the proxy wants to see something."""
        if self.authorization is None:
            return None
        # the host in advance: added later, it would make of each connection one to another place
        return {"Proxy-Authorization": self.authorization.reveal(), "Host": host}


def proxy_to(origin: URL) -> Proxy | None:
    """The proxy on the way to an origin, or None.

    Raises:
        InvalidArgument: its address cannot be read; it is not shown, since it may hold a password.
    """
    if proxy_bypass(origin.raw_host or ""):
        return None
    named = getproxies().get(origin.scheme)
    if not named:
        return None
    address: URL | None = None
    with suppress(ValueError):
        address = URL(named if "://" in named else f"http://{named}")
    if address is None or address.scheme not in ("http", "https") or not address.raw_host:
        raise InvalidArgument(f"the environment's {origin.scheme}_proxy is no proxy's address: give http://host:port")
    credentials = None
    if address.user is not None or address.password is not None:
        pair = f"{address.user or ''}:{address.password or ''}"
        credentials = Secret(f"Basic {b64encode(pair.encode()).decode()}")
    return Proxy(address.origin(), credentials)
