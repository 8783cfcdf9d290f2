"""A local server with persons whose identifiers files spell in many ways."""

from typing import Any

import pytest


@pytest.fixture
def people(posthog: Any) -> Any:
    world = posthog.server.world
    world.add_person(["tab\tand\nline"], {})
    world.add_person(["m-1"], {"email": "Ann@Example.com"})
    world.add_person(["m-2"], {"email": "ann@example.com"})
    world.add_person(["m-3"], {"$email": "bob@example.com"})
    world.add_person([f"alias-{number}" for number in range(12)], {})
    return posthog
