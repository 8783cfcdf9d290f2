"""The free persons of a local server, and all of them."""

import stat
from pathlib import Path
from typing import Any
from uuid import UUID

FREE = ("--where", "plan exact free")


def free(posthog: Any) -> set[UUID]:
    world = posthog.server.world
    return {UUID(str(u)) for u in world.iter_uuids() if world.person(u).properties.get("plan") == "free"}


def everyone(posthog: Any) -> set[UUID]:
    return {UUID(str(uuid)) for uuid in posthog.server.world.iter_uuids()}


def mode(path: str) -> int:
    """Return the permissions of a file."""
    return stat.S_IMODE(Path(path).stat().st_mode)
