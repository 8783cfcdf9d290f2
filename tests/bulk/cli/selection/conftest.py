"""A local server with events, and files of IDs and of a query."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def people(serve: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> Any:
    served = serve(60, seeded_events=True)
    for name, value in served.env.items():
        monkeypatch.setenv(name, value)
    Path("in").write_text("user-1\nuser-2\nnobody\n")
    Path("staff").write_text("user-1\nnobody\n")
    Path("active.sql").write_text("-- all\nSELECT person_id FROM events\nWHERE person_id IS NOT NULL; -- end\n")
    return served
