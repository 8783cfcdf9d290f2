"""Where a response comes from that is not PostHog's, and where a redirect leads. Values, and their wording.

Recognizing such a response is not done here: see `_protocol.responses.origin`.
"""

from typing import Final, Literal

import msgspec

PROXY_LOGIN: Final = 407
"""The status with which a proxy asks for a user name and password."""

Difference = Literal["scheme", "slash", "prefix"]
"""How the target of a redirect differs from the address of the request, where nothing else differs."""


class Intermediary(msgspec.Struct, frozen=True):
    """What a response shows about its sender, which is not PostHog: a proxy, a firewall, a load balancer, a login page.

    Arguments:
        server: the response's `Server` header, sanitized; None if it has none.
    """

    server: str | None = None

    def describe(self, status: int) -> str:
        """Return who sent the response, for a message.

        Arguments:
            status: HTTP status of the response.
        """
        server = f"Server: {self.server}" if self.server else "no Server header"
        if status == PROXY_LOGIN:
            return f"from the proxy ({server})"
        senders = "a proxy or load balancer" if status >= 500 else "a proxy, firewall or login page"
        return f"from {senders} in front of PostHog ({server})"


class Redirect(msgspec.Struct, frozen=True, kw_only=True):
    """Where a redirect leads.

    Arguments:
        origin: scheme, host and port of its target, sanitized; None if the response names none.
        same_origin: whether that is the origin of the request.
        differs_in: what the target differs in, if only in these; empty if it is another address.
    """

    origin: str | None = None
    same_origin: bool = False
    differs_in: tuple[Difference, ...] = ()

    def describe(self) -> str:
        """Return where the redirect leads, for a message."""
        if "prefix" in self.differs_in:
            return "redirect to the same call below /api/projects/"
        if self.differs_in:
            return f"redirect to the same address {' and '.join(self._change(each) for each in self.differs_in)}"
        if self.origin is None:
            return "redirect without an address"
        return f"redirect to {'another page of ' if self.same_origin else ''}{self.origin}"

    def fix(self) -> str:
        """Return what to do about a redirect that differs in scheme, slash or prefix only."""
        fixes: dict[str, str] = {
            "scheme": f"set the host (POSTHOG_HOST) to {self.origin}",
            "slash": "the proxy in front of PostHog has to keep the slash",
            "prefix": 'give the client api_prefix="projects" or "auto"',
        }
        if "scheme" in self.differs_in and not self._is_https():
            fixes["scheme"] = "the proxy in front of PostHog has to accept https"
        return ", and ".join(fixes[each] for each in self.differs_in)

    def _is_https(self) -> bool:
        return (self.origin or "").startswith("https:")

    def _change(self, difference: Difference) -> str:
        if difference == "scheme":
            return "with https instead of http" if self._is_https() else "with http instead of https"
        return "without the slash at its end"
