"""A server with events of distinct IDs that have no person."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.bulk.cli.commands.without_person.ghosts import haunt


@pytest.fixture
def haunted(serve: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> Any:
    """A server with events of 30 distinct IDs without a person, of others, and of persons."""
    return haunt(serve(8, scopes=None), monkeypatch)


@pytest.fixture
def chunks_of_ten(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten distinct IDs per request."""
    monkeypatch.setattr(
        "bulk.without_person.chunks.in_chunks.__kwdefaults__", {"max_bytes": 11 + 10 * len('"ghost-00", ')}
    )
