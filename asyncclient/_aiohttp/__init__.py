"""The wire: the one room of the client that knows aiohttp. One request, one attempt, one bounded answer.

It takes a connection from aiohttp's connector (its pool, name lookup, TLS, proxies), writes the request, and reads the
answer with aiohttp's parser. The session above those is left out: it costs three times what they do, sends a request
a second time by itself when a connection drops, follows redirects and keeps cookies, and none of that is wanted.
"""

from asyncclient._aiohttp.wire import AiohttpWire as AiohttpWire
