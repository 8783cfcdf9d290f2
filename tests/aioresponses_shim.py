"""aioresponses for aiohttp 3.14, whose responses need one more argument than aioresponses 0.7.9 gives them."""

from typing import Any
from unittest.mock import Mock

import aiohttp
from aioresponses import aioresponses


class MockedResponse(aiohttp.ClientResponse):
    """A response with a writer that wrote nothing."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, stream_writer=Mock(output_size=0), **kwargs)


class mocked_responses(aioresponses):  # noqa: N801
    """`aioresponses` with that response."""

    def add(self, url: Any, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("response_class", MockedResponse)
        super().add(url, *args, **kwargs)
