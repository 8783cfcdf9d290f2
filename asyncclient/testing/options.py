"""Options of the local server: which age of PostHog it simulates, and how it behaves. Values only."""

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

Era = Literal["empty202", "summary", "queued"]
AliasMode = Literal["rewrite", "plain", "redirect", "gone"]
DeleteOrder = Literal["tombstone", "legacy"]
PendingRows = Literal["one_pending", "one_ever"]
RetryAfter = Literal["seconds", "date", "missing", "unknown"]


class RateLimits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Requests that a key may make per window and bucket; None is unlimited (contract 3)."""

    deletes_per_minute: int | None = 480
    deletes_per_hour: int | None = 4800
    others_per_minute: int | None = 240
    others_per_hour: int | None = None
    default_per_minute: int | None = 480
    default_per_hour: int | None = 4800
    previews_per_minute: int | None = 5
    """Previews of data deletion requests: these limits count per project and not per key (contract 13)."""
    previews_per_hour: int | None = 30
    submissions_per_hour: int | None = 10
    users_per_minute: int | None = 180
    """Persons calls of an OAuth token or a session, which count per user and not per key."""
    users_per_hour: int | None = 1200


class PersonalKey(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A personal API key, its user and its permissions (contract 2)."""

    key: str
    scopes: tuple[str, ...] | None = ("*",)
    projects: tuple[int, ...] | None = None
    first_name: str = "Other"
    email: str = "other@example.com"
    hidden_properties: tuple[str, ...] = ()
    """Properties of persons that access control hides from this key's user."""
    is_session: bool = False
    """Whether the key is the value of a browser session's cookie, sent as `Cookie: sessionid=...`."""

    @property
    def acts_for_a_user(self) -> bool:
        """Whether calls count per user, as those of OAuth access tokens and sessions do (contract 2, 3)."""
        return self.key.startswith("pha_") or self.is_session


class ServerOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the local server behaves; every field has a default, durations are in seconds."""

    project_id: int = 1
    project_name: str = "Local project"
    organization: str = "01900000-0000-7000-8000-000000000001"
    project_api_key: str = "phc_local_project_token_for_tests_only"
    personal_api_key: str = "phx_local_personal_api_key_for_tests_only"
    scopes: tuple[str, ...] | None = ("*",)
    """Scopes of the key; None is a legacy key without scopes, which passes every check (contract 2)."""
    key_projects: tuple[int, ...] | None = None
    """Projects that the key is limited to; None is no such limit."""
    more_keys: tuple[PersonalKey, ...] = ()
    """Further keys, of other users or with other scopes, each with its own rate limits."""
    unknown_project: Literal["403", "404"] = "404"
    """The status for a project that does not exist; which one PostHog sends is not certain (contract 2)."""
    foreign_projects: tuple[int, ...] = ()
    """Projects that exist and of which no user here is a member: always a 403."""
    hidden_properties: tuple[str, ...] = ()
    """Properties that access control hides: reads leave them out, and writing one is a 400 (contract 2)."""

    era: Era = "queued"
    bulk_delete_async: bool = True
    """Era "queued" only: PERSON_BULK_DELETE_ASYNC; False deletes within the call (contract 6.5)."""
    success_status: Literal["real", "documented"] = "real"
    alias: AliasMode = "rewrite"
    sunset: str = "Fri, 31 Jul 2026 00:00:00 GMT"
    """Value of the Sunset header on the alias; empty omits it (contract 1)."""
    unmapped_method: Literal["405", "403"] = "405"
    """The status for a scoped key and a method that a persons route does not have; DELETE on the collection is always
    403 (contract 6.4)."""

    deletion_status: bool = True
    keep_person: bool = True
    delete_events: bool = True
    delete_recordings: bool = True
    recording_marks: bool = True
    """Since July 2026 the table of recordings has the column `is_deleted`; without it a query about it is 400."""
    recording_lag_s: float = 0.0
    """How long a deletion of recordings takes until they are marked as deleted (contract 6.7)."""
    recording_grace_days: int = 7
    """How long marked recordings stay in the table before the nightly job removes them, 1 to 365 days."""
    recordings_per_deletion: Literal[20, 100] = 100
    """The most recordings that are deleted by ID at once; 20 before July 2026 (contract 6.7)."""
    seeded_recordings: bool = False
    """Whether the seeded persons have recordings: up to two each, by the number of the person."""
    data_deletion: bool = True
    """Whether PostHog has switched data deletion requests on; otherwise they are 403 (contract 13)."""
    deletion_conflict: Literal["409", "400"] = "409"
    """The status for a sixth active request, and for a submission ID that another request has."""
    bulk_delete: bool = True
    batch_reads: bool = True
    persisted_folders: bool = True
    custom_products: bool = True
    """Whether folders know the type custom_products, which came later (contract 7)."""
    properties_at_time: bool = True
    emails: bool = True
    """Whether persons have the call `emails`, which PostHog switches on per organization (contract 6.11)."""
    selects_another_project: bool = False
    """Whether the user of the key has another project selected, in which `cohorts` finds nothing (contract 6.11)."""
    reset_distinct_id: bool = True
    """Since April 2025 there is reset_person_distinct_id (contract 6.11)."""
    reset_shows_person: bool = True
    """Since February 2026 a reset also shows the person in the listing; before, it stayed hidden."""
    partial_split: bool = True
    """Whether split reads `distinct_ids_to_split`; an older server splits off all distinct IDs."""
    values_form: Literal["object", "array"] = "object"
    """Older servers respond to `values` with a bare array (contract 6.11)."""
    timeline_dates: bool = True
    """The earliest servers send no effective dates in properties_timeline (contract 6.10)."""
    last_seen_at: bool = True

    unmatched: Literal["202", "400"] = "202"
    unmatched_field: Literal["ids_not_found", "distinct_ids_not_found", "unmatched_distinct_ids"] | None = None
    """Field of the summary that lists IDs without a person; None leaves it out (contract 6.5)."""
    pending_rows: PendingRows = "one_pending"
    delete_order: DeleteOrder = "tombstone"
    queued_delay_s: float = 0.0
    capture_lag_s: float = 0.0
    """How long a captured event takes to change its person, from a batch or from a call that captures one."""
    split_lag_s: float = 0.0
    """How long a split takes after the response."""
    list_lag_s: float = 0.0
    rate_limits: Literal["off", "posthog"] | RateLimits = "off"
    retry_after: RetryAfter = "seconds"
    """The header of a 429; "missing" leaves the wait in `detail` only, "unknown" leaves out both."""
    latency_s: float = 0.0
    seeded_events: bool = False
    """Whether the seeded persons have events: up to three each, which happened in the years after their creation."""
    unhydratable_every: int = 0
    """Every n-th row of the listing has no person; 0 for none, otherwise at least 2."""
    heavy_every: int = 0
    """Every n-th seeded person is heavy: bulk_delete of more than that one person fails (contract 9)."""
    heavy_failure: Literal["504", "stall"] = "504"
    heavy_calls: Literal["bulk_delete", "every"] = "bulk_delete"
    """Which calls fail for heavy persons: a bulk_delete with others, or every call, as with 100,000 distinct IDs."""
    orphan_rows: Literal["dropped", "shown"] = "dropped"
    """Rows of the listing without a person in the store: left out of pages (contract 6.1), or shown (contract 8)."""
    weekly_event_deletion: bool = False
    """Whether the weekly job runs by itself, on Sundays at 05:00 UTC by the server's clock."""
    event_deletion_slips_s: float = 0.0
    """The weekly job leaves rows younger than this pending until the next week (contract 8)."""
    event_deletion_fails: bool = False
    """Whether the weekly job leaves every row pending, as after a failed squash."""
    capture_status: Literal[1, "Ok"] = 1
    """The form of the response to a batch of events: `{"status": 1}` or `{"status": "Ok"}` (contract 12)."""
    capture_quota_exceeded: bool = False
    """The response to batches of events is 200 with `quota_limited`, and no event is stored."""
    delete_property_lists: bool = True
    """Since July 2026 delete_property accepts a list of keys; older servers nest it, without effect (contract 6.8)."""
    delete_property_list_status: Literal[0, 400, 500] = 0
    """The status with which an older server refuses a list of keys; 0 if it does not."""
    nested_keys_joined: bool = False
    """Whether a nested list removes the property whose name is the keys joined by commas, as in older ingestion."""
    user_first_name: str = "Local"
    user_email: str = "local@example.com"
    """The user of the key, as the activity log shows it (contract 6.9)."""
    history_limit: int = 10_000
    """How many of the latest property changes properties_timeline and properties_at_time know."""
    csv_rows: Literal[50_000, 300_000] = 50_000
    """The most rows of a CSV; 300,000 before June 2026 (contract 6.1)."""
    activity_limit: int = 10_000
    """How many of the latest entries the activity log keeps."""
    gzip: bool = True
    record_requests: bool = True
    record_limit: int | None = None
    """How many of the latest requests are kept; None is all of them."""

    def __post_init__(self) -> None:
        if self.project_id < 1:
            raise ValueError(f"project_id must be a positive integer, not {self.project_id}")
        if self.unhydratable_every < 0 or self.unhydratable_every == 1:
            raise ValueError("unhydratable_every must be 0 (none) or at least 2")
        if not 1 <= self.recording_grace_days <= 365:
            raise ValueError(f"recording_grace_days must be 1 to 365, not {self.recording_grace_days}")
        if self.heavy_every < 0:
            raise ValueError("heavy_every must be 0 (none) or positive")
        for name in ("activity_limit", "history_limit"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} must be 0 (nothing is kept) or positive")
        keys = [self.personal_api_key, *(more.key for more in self.more_keys)]
        if len(set(keys)) < len(keys):
            raise ValueError("more_keys must differ from personal_api_key and from each other")
        if self.record_limit is not None and self.record_limit < 1:
            raise ValueError("record_limit must be positive; record_requests=False switches recording off")
        for name in (
            "queued_delay_s",
            "capture_lag_s",
            "split_lag_s",
            "recording_lag_s",
            "list_lag_s",
            "latency_s",
            "event_deletion_slips_s",
        ):
            if not getattr(self, name) >= 0:
                raise ValueError(f"{name} must not be negative")

    def limits(self) -> RateLimits | None:
        """Return the rate limits in force; None if requests are not limited."""
        if isinstance(self.rate_limits, RateLimits):
            return self.rate_limits
        return RateLimits() if self.rate_limits == "posthog" else None

    def find_key(self, key: str) -> PersonalKey | None:
        """Return a key with its user and permissions; None for an unknown key."""
        if key == self.personal_api_key:
            return PersonalKey(
                key=key,
                scopes=self.scopes,
                projects=self.key_projects,
                first_name=self.user_first_name,
                email=self.user_email,
                hidden_properties=self.hidden_properties,
            )
        return next((more for more in self.more_keys if more.key == key), None)

    def changed(self, changes: Mapping[str, Any]) -> "ServerOptions":
        """Return these options with some fields replaced, checked like JSON.

        Raises:
            msgspec.ValidationError: a field is unknown, or a value has the wrong type or range.
        """
        merged = msgspec.to_builtins(self) | msgspec.to_builtins(dict(changes))
        return msgspec.convert(merged, ServerOptions, strict=True)
