"""Faults that a test orders: which requests they strike, and how often.

It decides only whether a fault strikes; what a fault does is the business of the gateway and the handlers.
"""

import random
from typing import Literal, get_args

import msgspec

FaultKind = Literal[
    "refuse",
    "reset",
    "reset_after",
    "stall",
    "stall_after",
    "cut_body",
    "garbage",
    "status",
    "page",
    "person_deletion_failed",
    "deletion_errors",
    "orphan_events",
    "big_body",
    "deep_json",
    "redirect",
    "swallow",
    "capture_down",
]

_KINDS: tuple[str, ...] = get_args(FaultKind)
_DELETING = frozenset({"destroy", "bulk_delete"})
# Calls that capture an event themselves, and answer before it is applied (contract 6.3, 6.8, 6.11).
_CAPTURING = frozenset({"update", "update_property", "delete_property"})
# Calls whose work is done afterwards or elsewhere, so that nobody is told when it is not.
_BACKGROUND = frozenset({"delete_events", "delete_recordings", "split", "reset_distinct_id"})
_APPLIES_ONLY_TO = {
    "person_deletion_failed": _DELETING,
    "deletion_errors": frozenset({"bulk_delete"}),
    "orphan_events": _DELETING,
    "swallow": _DELETING | _CAPTURING | _BACKGROUND | {"capture"},
    "capture_down": _CAPTURING,
}


class _Kind(msgspec.Struct, frozen=True):
    kind: FaultKind


class Fault(_Kind, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Something that goes wrong with the requests it matches.

    `action` is the name of a call or None for any; `times` how often it strikes at most, None for always;
    `every` strikes each n-th match; `after` lets the first k matches pass; `probability` (0 to 1) is drawn
    from `seed`. `status`, `body`, `when` and `retry_after` (the header, verbatim) belong to "status";
    `count` or `share` (0 to 1) of the persons, and `step`, to "deletion_errors"; `to` to "redirect";
    `size` (bytes after decompression) to "big_body".
    "swallow" answers as if all had gone well; of captured events it loses all, or `share` of them, drawn
    event by event from `seed`, or the first `count` of a request. "capture_down" lets the server's own
    capture fail, with `status`: an update is answered 202 all the same (contract 6.3), delete_property is not.
    "page" is answered by something in front of PostHog, with `page_status` and what `page` names; the request
    gets no further unless `when` is "after".
    """

    action: str | None = None
    times: int | None = None
    every: int = 1
    after: int = 0
    probability: float = 1.0
    seed: int = 0
    status: int = 500
    body: Literal["json", "html", "empty"] = "json"
    when: Literal["before", "after"] = "before"
    retry_after: str | None = None
    count: int | None = None
    share: float | None = None
    step: str | None = None
    to: str = ""
    size: int = 33 * 1024 * 1024
    page: Literal["login", "app", "json", "text", "empty"] = "login"
    page_status: int = 200

    def __post_init__(self) -> None:
        if self.kind not in _KINDS:
            raise ValueError(f"unknown fault {self.kind!r}; known are {', '.join(_KINDS)}")
        if self.every < 1 or self.after < 0 or (self.times is not None and self.times < 0):
            raise ValueError("a fault needs every >= 1, after >= 0 and times >= 0")
        if not 0 <= self.probability <= 1 or not 0 <= (self.share or 0) <= 1:
            raise ValueError("probability and share lie between 0 and 1")
        if self.kind == "redirect" and not self.to:
            raise ValueError('a "redirect" needs to="https://..."')
        applicable = _APPLIES_ONLY_TO.get(self.kind)
        if applicable is not None and self.action is not None and self.action not in applicable:
            raise ValueError(f'"{self.kind}" applies only to {", ".join(sorted(applicable))}')

    def applies_to(self, action: str) -> bool:
        """Whether this fault may strike a call of that name."""
        if self.action is not None:
            return self.action == action
        return action in _APPLIES_ONLY_TO.get(self.kind, (action,))

    @property
    def in_front(self) -> bool:
        """Whether it strikes before PostHog sees the request."""
        return self.kind == "refuse" or (self.kind == "page" and self.when == "before")

    def error_count(self, found: int) -> int:
        """How many of that many persons "deletion_errors" concerns; one, when neither count nor share says."""
        if self.count is not None:
            return min(self.count, found)
        if self.share is not None:
            return min(found, round(self.share * found))
        return min(1, found)


class _ArmedFault:
    """A fault with the record of what it has met."""

    def __init__(self, fault: Fault) -> None:
        self.fault = fault
        self._matched = 0
        self._triggered = 0
        self._random = random.Random(fault.seed)

    def triggers(self, action: str) -> bool:
        fault = self.fault
        if not fault.applies_to(action) or (fault.times is not None and self._triggered >= fault.times):
            return False
        self._matched += 1
        beyond = self._matched - fault.after
        if beyond <= 0 or beyond % fault.every:
            return False
        if fault.probability < 1 and self._random.random() >= fault.probability:
            return False
        self._triggered += 1
        return True


class Faults:
    """The faults in force, in the order they were added; the first that strikes a request has it."""

    def __init__(self) -> None:
        self._armed: list[_ArmedFault] = []

    def add(self, fault: Fault) -> None:
        """Put a fault in force."""
        self._armed.append(_ArmedFault(fault))

    def clear(self) -> None:
        """Lift every fault."""
        self._armed.clear()

    def __len__(self) -> int:
        return len(self._armed)

    def trigger(self, action: str, *, in_front: bool) -> Fault | None:
        """The fault that strikes this request, if any; later faults do not see a request that was struck.

        `in_front` asks for those alone that strike before PostHog sees the request, else for all others.
        """
        for armed in self._armed:
            if armed.fault.in_front is in_front and armed.triggers(action):
                return armed.fault
        return None
