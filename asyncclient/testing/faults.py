"""Faults that a test sets up: which requests they affect, and how often.

This module decides only whether a fault is triggered; the request handler and the handlers apply it.
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
    "intermediary",
    "person_deletion_failed",
    "deletion_errors",
    "orphan_events",
    "big_body",
    "deep_json",
    "redirect",
    "swallow",
    "capture_down",
]

Sender = Literal[
    "nginx_502",
    "nginx_504",
    "aws_alb_503",
    "cloudflare_403",
    "cloudflare_520",
    "cloudflare_1020",
    "squid_403",
    "squid_407",
    "envoy_404",
    "kong_404",
    "iis_401",
    "empty_403",
    "sso_302",
    "captive_portal_302",
    "login_page_200",
]
"""What sends a response in place of PostHog, and the status."""

ACTIONS = frozenset(
    {
        "activity",
        "all_activity",
        "batch_by_distinct_ids",
        "batch_by_uuids",
        "bulk_delete",
        "bulk_delete_recordings",
        "capture",
        "cohorts",
        "create",
        "create_deletion",
        "create_folder",
        "delete_events",
        "delete_folder",
        "delete_property",
        "delete_recordings",
        "deletion_status",
        "destroy",
        "emails",
        "flags",
        "funnel",
        "get_deletion",
        "get_folder",
        "lifecycle",
        "list",
        "list_deletions",
        "list_folders",
        "list_recordings",
        "preview_deletion",
        "projects",
        "properties_at_time",
        "properties_timeline",
        "query",
        "replace_folder",
        "reset_distinct_id",
        "retrieve",
        "split",
        "trends",
        "unknown",
        "update",
        "update_folder",
        "update_property",
        "values",
    }
)
"""The names of all calls in the route table, and that of a request to none of them."""

_KINDS: tuple[str, ...] = get_args(FaultKind)
_SENDERS: tuple[str, ...] = get_args(Sender)
_DELETING = frozenset({"destroy", "bulk_delete"})
# Calls for which the server captures an event and responds before it is applied (contract 6.3, 6.8, 6.11).
_CAPTURING = frozenset({"update", "update_property", "delete_property"})
# Calls whose work is done in the background, so that a failure is not reported.
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
    """A failure of the requests that it matches.

    Arguments:
        kind: what goes wrong.
        action: name of the affected call, one of `ACTIONS`; None for any call.
        times: how often the fault is triggered at most; None for always.
        every: triggers the fault for each n-th match.
        after: the first matches that pass.
        probability: chance per match, 0 to 1, drawn from `seed`.
        seed: seed of the random choices.
        status, body, when, retry_after: response of "status", before or after the effect; `retry_after` is a header.
        count, share, step: for "deletion_errors", number or share (0 to 1) of affected persons, and the failed step.
        to: target of "redirect".
        size: bytes of "big_body" after decompression.
        sender: whose response "intermediary" is: that of a proxy, a load balancer, a firewall or a login page in front
            of PostHog; `intermediaries.py` has them all. The request reaches PostHog only if `when` is "after".
        page, page_status: response of "page", which comes from a proxy before PostHog; the request reaches PostHog
            only if `when` is "after".

    "swallow" responds with success but has no effect; it loses all captured events, or `share` of them, drawn from
    `seed`, or the first `count` per request. "capture_down" makes the server's own capture fail with `status`: the
    response to an update is still 202 (contract 6.3), that of delete_property is not.
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
    sender: Sender = "nginx_502"

    def __post_init__(self) -> None:
        if self.kind not in _KINDS:
            raise ValueError(f"unknown fault {self.kind!r}; known kinds are {', '.join(_KINDS)}")
        if self.action is not None and self.action not in ACTIONS:
            raise ValueError(f"unknown action {self.action!r}; known actions are {', '.join(sorted(ACTIONS))}")
        if self.sender not in _SENDERS:
            raise ValueError(f"unknown sender {self.sender!r}; known senders are {', '.join(_SENDERS)}")
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
        """Return whether the fault can affect a call of this name."""
        if self.action is not None:
            return self.action == action
        return action in _APPLIES_ONLY_TO.get(self.kind, (action,))

    @property
    def in_front(self) -> bool:
        """Whether the fault is triggered before PostHog sees the request."""
        return self.kind == "refuse" or (self.kind in ("page", "intermediary") and self.when == "before")

    def error_count(self, found: int) -> int:
        """Return the number of persons with a deletion error; one if neither `count` nor `share` is set."""
        if self.count is not None:
            return min(self.count, found)
        if self.share is not None:
            return min(found, round(self.share * found))
        return min(1, found)


class _ArmedFault:
    """A fault with the counts of its matches."""

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
    """The faults in force, in the order in which they were added; the first match is triggered."""

    def __init__(self) -> None:
        self._armed: list[_ArmedFault] = []

    def add(self, fault: Fault) -> None:
        """Add a fault."""
        self._armed.append(_ArmedFault(fault))

    def clear(self) -> None:
        """Remove all faults."""
        self._armed.clear()

    def __len__(self) -> int:
        return len(self._armed)

    def trigger(self, action: str, *, in_front: bool) -> Fault | None:
        """Return the fault that this request triggers, or None; later faults do not count the request.

        Arguments:
            action: name of the call.
            in_front: True for the faults that apply before PostHog sees the request, False for all others.
        """
        for armed in self._armed:
            if armed.fault.in_front is in_front and armed.triggers(action):
                return armed.fault
        return None
