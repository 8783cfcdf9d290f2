"""A local server that goes away at a certain request, for a while."""

import asyncio
from typing import Any

import msgspec

from asyncclient.testing import Fault, LocalPostHog

RESET = Fault("reset")


def go_away(
    server: LocalPostHog, action: str, *, for_s: float, fault: Fault = RESET, number: int = 1, responds: bool = False
) -> None:
    """Make the server fail from the n-th request of an action on, for some seconds.

    Arguments:
        responds: whether that request still gets a response; otherwise it takes effect, and its response is lost.
    """
    handle, seen = server._handler.handle, 0

    def handle_and_go(call: Any) -> Any:
        nonlocal seen
        outcome = handle(call)
        if outcome.record.action != action:
            return outcome
        seen += 1
        if seen != number:
            return outcome
        server.faults.add(fault)
        asyncio.get_running_loop().call_later(for_s, server.faults.clear)
        return outcome if responds else msgspec.structs.replace(outcome, ending="reset")

    server._handler.handle = handle_and_go  # type: ignore[method-assign]
