"""Years later: whether 2,000 persons were erased, without the plan, and evidence that identifies none of them."""

import base64
import html
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus
from uuid import uuid4

import pytest

from asyncclient import Limits, PostHogClient, RateLimits
from asyncclient.testing import LocalPostHog, ServerOptions
from bulk import (
    ByRequests,
    DeletePersons,
    JobRecord,
    find_persons,
    find_request,
    make_plan,
    read_report,
    run_job,
    shred_job,
)
from bulk.report.rendering import render_json, render_markdown, render_text
from bulk.report.rendering.html import render_html

SENTINELS = ["señora.böhm+dsr@exämple.test", 'quo"te\\<b>&amp;@x.test', "SENTINEL-Customer-000417", "日本-顧客-0001"]


@pytest.fixture(autouse=True)
def second_looks_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Confirm absences at once: these tests are about results, not times."""
    monkeypatch.setattr("bulk.posthog.person_reader.CONFIRM_AFTER_S", 0.0)


def encodings(text: str) -> Iterator[bytes]:
    """A text in every form in which a file may hold it."""
    for form in {
        text,
        text.upper(),
        text.lower(),
        text.casefold(),
        html.escape(text),
        quote(text, safe=""),
        quote_plus(text),
    }:
        for raw in (form.encode(), form.encode("utf-16-le"), form.encode("utf-16-be"), json.dumps(form)[1:-1].encode()):
            yield raw
            yield raw.hex().encode()
            yield raw.hex().upper().encode()
            # base64 of a longer text has one of three alignments
            for shift in range(3):
                encoded = base64.b64encode(bytes(shift) + raw)[(0, 2, 3)[shift] + 0 :]
                yield encoded.rstrip(b"=")[:-1]
                yield encoded.rstrip(b"=")[:-1].replace(b"+", b"-").replace(b"/", b"_")


def evidence(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in os.listdir(folder)}


@pytest.mark.slow
async def test_the_answers_are_right_and_the_evidence_names_nobody(tmp_path: Path) -> None:
    async with (
        LocalPostHog(persons=2_000, seed=4, options=ServerOptions()) as server,
        PostHogClient(
            host=server.url,
            project_id=server.project_id,
            personal_api_key=server.personal_api_key,
            limits=Limits(RateLimits.off()),
        ) as client,
    ):
        everybody = [server.world.person(uuid) for uuid in server.world.iter_uuids()]
        chosen, others = everybody[::2], everybody[1::2]
        requests: list[dict[str, Any]] = []
        asked: list[str] = []
        for number, person in enumerate(chosen):
            email = person.properties.get("email")
            kinds = ["distinct_id", "uuid", *(["email"] if email else [])]
            kind = kinds[number % len(kinds)]
            value = {"distinct_id": person.distinct_ids[0], "uuid": str(person.uuid), "email": email}[kind]
            requests.append({kind: value, "reference": f"DSR-{number // 25}", "received": "2026-11-01"})
            asked.append(value)
        requests += [{"distinct_id": one, "reference": "DSR-900", "received": "2026-11-02"} for one in SENTINELS]
        record = JobRecord(operator="Ann", reason="DSR of November", approver="Bob")
        plan_path, journal = tmp_path / "x.plan.jsonl", tmp_path / "x.journal.jsonl"
        with await make_plan(
            client, DeletePersons(delete_events=True), ByRequests(requests), plan_path, record=record
        ) as plan:
            assert plan.count == len(chosen)
            report = await run_job(client, plan, journal, approve=plan.digest)
            known_by = [target.distinct_id for target in plan.iter()]
    assert [(one.due, one.requests, one.open_requests) for one in report.due] == [
        ("2026-12-01", 40, 40),
        ("2026-12-02", 1, 1),  # a request that matched no person stays open
    ]
    await shred_job(journal, unfinished=True)
    assert not plan_path.exists()

    strangers = [person.distinct_ids[0] for person in others]
    strangers += [str(person.uuid) for person in others[:50]] + [str(uuid4()), "", " ", asked[0][:-1]]
    answers = find_persons(journal, [*asked, *strangers, *SENTINELS]).answers
    assert [answer.number for answer in answers] == [*range(1, len(answers) + 1)]
    results = [answer.result for answer in answers]
    # the plan was destroyed before a verification, so nothing can prove any more that the events are purged
    assert results[: len(asked)] == ["needs_attention"] * len(asked)
    assert results[len(asked) : -len(SENTINELS)] == ["not_in_job"] * len(strangers)
    assert results[-len(SENTINELS) :] == ["not_found"] * len(SENTINELS)
    assert [answer.persons[0].target for answer in answers[: len(asked)]] == [*range(len(asked))]
    assert all(answer.persons[0].done_at is not None for answer in answers[: len(asked)])
    uuids = [str(person.uuid) for person in chosen]
    assert [one.result for one in find_persons(journal, uuids).answers] == ["needs_attention"] * len(chosen)
    assert find_persons(journal, [f" {asked[0]} "]).answers[0].persons[0].target == 0

    receipt = find_request(journal, "DSR-39")
    assert [answer.persons[0].target for answer in receipt.answers] == [*range(975, 1_000)]
    assert {answer.result for answer in find_request(journal, "DSR-900").answers} == {"not_found"}
    assert find_request(journal, "DSR-9999").verdict == "This job has no request with this reference."

    again = read_report(journal)
    assert again.due == report.due
    for name, render in (("txt", render_text), ("md", render_markdown), ("html", render_html), ("json", render_json)):
        (tmp_path / f"report.{name}").write_text(render(again))
    files = evidence(tmp_path)
    assert sorted(files) == ["report.html", "report.json", "report.md", "report.txt", "x.journal.jsonl", "x.receipts"]
    some = chosen[:40]
    identifiers = [*SENTINELS, *(str(one.uuid) for one in some), *(one.uuid.hex for one in some)]
    identifiers += [distinct_id for one in some for distinct_id in one.distinct_ids]
    identifiers += [email for one in some if (email := one.properties.get("email"))]
    identifiers += [known for known in known_by[:40] if known is not None]
    found = [
        (name, identifier)
        for identifier in identifiers
        if len(identifier) > 5
        for form in {*encodings(identifier)}
        for name, data in files.items()
        if form in data
    ]
    assert found == []
