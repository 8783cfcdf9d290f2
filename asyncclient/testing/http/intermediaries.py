"""Responses of what can be in front of PostHog: proxies, firewalls, load balancers, login pages. Values only."""

from typing import Final

from asyncclient.testing.faults import Sender
from asyncclient.testing.http import envelope
from asyncclient.testing.http.envelope import Response

TEXT: Final = "text/plain; charset=UTF-8"


def _page(title: str, *, server: str = "") -> bytes:
    rule = f"<hr><center>{server}</center>\r\n" if server else ""
    return (
        f"<html>\r\n<head><title>{title}</title></head>\r\n<body>\r\n<center><h1>{title}</h1></center>\r\n{rule}"
        "</body>\r\n</html>\r\n"
    ).encode()


def _server(name: str, **others: str) -> tuple[tuple[str, str], ...]:
    return (("Server", name), *((key.replace("_", "-"), value) for key, value in others.items()))


RESPONSES: Final[dict[Sender, Response]] = {
    "nginx_502": Response(
        502, _page("502 Bad Gateway", server="nginx/1.24.0 (Ubuntu)"), envelope.HTML, _server("nginx/1.24.0 (Ubuntu)")
    ),
    "nginx_504": Response(504, _page("504 Gateway Time-out", server="nginx"), envelope.HTML, _server("nginx")),
    "aws_alb_503": Response(503, _page("503 Service Temporarily Unavailable"), envelope.HTML, _server("awselb/2.0")),
    "cloudflare_403": Response(
        403,
        b'<!DOCTYPE html>\n<html lang="en-US">\n<head><title>Attention Required! | Cloudflare</title></head>\n'
        b"<body><h1>Sorry, you have been blocked</h1></body></html>",
        envelope.HTML,
        _server("cloudflare", CF_RAY="8f1b2c3d4e5f6a7b-FRA"),
    ),
    "cloudflare_520": Response(520, b"error code: 520", TEXT, _server("cloudflare", CF_RAY="8f1b2c3d4e5f6a7b-FRA")),
    "cloudflare_1020": Response(403, b"error code: 1020", TEXT, _server("cloudflare", CF_RAY="8f1b2c3d4e5f6a7b-FRA")),
    "squid_403": Response(
        403,
        _page("ERROR: The requested URL could not be retrieved"),
        envelope.HTML,
        _server("squid/5.7", X_Squid_Error="ERR_ACCESS_DENIED 0"),
    ),
    "squid_407": Response(
        407,
        _page("ERROR: Cache Access Denied"),
        envelope.HTML,
        _server("squid/5.7", Proxy_Authenticate='Basic realm="Squid proxy-caching web server"'),
    ),
    "envoy_404": Response(404, b"no healthy upstream", "text/plain", _server("envoy")),
    "kong_404": Response(
        404, b'{"message":"no Route matched with those values"}', envelope.JSON, _server("kong/3.4.2")
    ),
    "iis_401": Response(
        401,
        b"<!DOCTYPE html><html><head><title>401 - Unauthorized: Access is denied due to invalid credentials.</title>"
        b"</head><body><h1>Server Error</h1></body></html>",
        "text/html",
        _server("Microsoft-IIS/10.0", WWW_Authenticate="Negotiate"),
    ),
    "empty_403": Response(403, headers=_server("BigIP")),
    "sso_302": Response(
        302,
        headers=_server(
            "openresty",
            Location="https://acme.okta.com/oauth2/v1/authorize?client_id=0oa1&state=%2Fapi%2Fprojects%2F1",
        ),
    ),
    "captive_portal_302": Response(
        302, headers=_server("lighttpd", Location="http://192.168.1.1:8880/guest/s/default/?id=00:11:22:33:44:55")
    ),
    "login_page_200": Response(
        200,
        b'<!DOCTYPE html><html><head><title>Sign in</title></head><body><form action="/login"></form></body></html>',
        envelope.HTML,
        _server("Apache/2.4.57 (Debian)"),
    ),
}
