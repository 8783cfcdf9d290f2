"""Makes reports for the tests of rendering."""

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from bulk.report.duty import Duty
from bulk.report.report import (
    AxisReport,
    FailureCount,
    PlanReport,
    Report,
    RouteCount,
    RunReport,
    StateCount,
)

# tests are no packages (import-mode=importlib), so what they share is loaded by its path
for _name in ("browser", "report_jobs", "cause_jobs"):
    _spec = importlib.util.spec_from_file_location(_name, Path(__file__).parent / f"{_name}.py")
    assert _spec is not None
    assert _spec.loader is not None
    _module = importlib.util.module_from_spec(_spec)
    sys.modules[_name] = _module
    _spec.loader.exec_module(_module)


@pytest.fixture
def make_report() -> Callable[..., Report]:
    """Builds a report of 5,000 persons; `foreign` stands wherever text of others may stand."""

    def build(foreign: str = "Acme", **changes: Any) -> Report:
        report = Report(
            format=1,
            version="0.1.0",
            job="00112233aabbccdd",
            host="https://eu.posthog.com",
            project_id=42,
            operation={"kind": "delete", "delete_events": True, "delete_recordings": False},
            selection={
                "kind": "filter",
                "filters": [{"key": foreign, "operator": "exact", "type": "person"}],
                "email": False,
                "everyone": False,
            },
            plan_digest="sha256:" + "ab" * 32,
            journal_digest="sha256:" + "cd" * 32,
            journal_lines=1234,
            count=5000,
            planned_at="2026-11-01T10:00:00+00:00",
            opened_at="2026-11-01T11:00:00.000Z",
            last_entry_at="2026-11-01T12:00:00.000Z",
            approved_at="2026-11-01T11:00:00.000Z",
            approved_how="digest",
            verdict=f"Needs attention: 10 persons: {foreign}.",
            exit_code=1,
            duty=Duty(state="needs_attention", sentence=f"Needs attention: 10 persons: {foreign}."),
            axes=(
                AxisReport(
                    axis="person",
                    states=(
                        StateCount(state="deleted_confirmed", meaning="read back as gone", count=4990),
                        StateCount(state="failed", meaning="failed", count=10, targets="3,17-25"),
                    ),
                ),
                AxisReport(
                    axis="recordings", states=(StateCount(state="not_requested", meaning="not asked for", count=5000),)
                ),
            ),
            failures=(FailureCount(axis="person", state="failed", reason=foreign, count=10, targets="3,17-25"),),
            routes=(
                RouteCount(
                    route="POST persons/bulk_delete",
                    axes=("events",),
                    attempts=21,
                    ok=20,
                    failed=0,
                    unknown=1,
                    targets=5100,
                ),
            ),
            runs=(
                RunReport(purpose="run", started="2026-11-01T11:00:00.000Z", version="0.1.0", ended=None, reason=None),
                RunReport(
                    purpose="run",
                    started="2026-11-01T11:30:00.000Z",
                    version="0.1.0",
                    ended="2026-11-01T12:00:00.000Z",
                    reason="finished",
                ),
            ),
            pauses=2,
            limits_lowered=1,
            torn_tail_bytes=17,
            plan=PlanReport(
                file_digest="sha256:" + "ab" * 32,
                file_sha256="sha256:" + "12" * 32,
                project_name=foreign,
                created_at="2026-11-01T10:00:00+00:00",
                findings=[
                    {"kind": "requests", "count": 12},
                    {"kind": "lines", "count": 5100},
                    {"kind": "unmatched", "count": 3, "lines": "7,9-10"},
                    {"kind": "duplicates", "count": 0, "lines": ""},
                    {"kind": "aliases", "count": 1, "lines": "8"},
                    {"kind": "refused", "count": 2, "reasons": {"blank": {"count": 2, "lines": "1-2"}}},
                    {"kind": "properties", "of": [{"key": foreign, "count": 0, "closest": foreign}]},
                    {"kind": "many_distinct_ids", "count": 4, "threshold": 10, "most_shown": 10},
                ],
            ),
        )
        return msgspec.structs.replace(report, **changes)

    return build
