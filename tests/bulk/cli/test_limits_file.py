"""`--limits-file`: commands that share the rate limits of a key, and files that are refused (guarantee 13)."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from asyncclient import Bucket, Limits
from asyncclient.testing import RateLimits

Run = Callable[..., Any]
FILE = ("--limits-file", "shared.limits")


def used(posthog: Any, bucket: Bucket = Bucket.OTHERS) -> int:
    limits = Limits(file="shared.limits")
    limits.open(posthog.server.personal_api_key)
    return limits.budget(bucket)[0].used


def test_each_command_counts_what_the_others_sent(run: Run, posthog: Any) -> None:
    for _ in range(2):
        assert run("persons", *FILE).code == 0
    assert used(posthog) == len(posthog.server.requests)
    assert Path("shared.limits").stat().st_mode & 0o777 == 0o600


def test_a_resumed_job_counts_its_earlier_requests_once(run: Run, posthog: Any) -> None:
    Path("ids").write_text("user-1\nuser-2\n")
    planned = run("plan", "delete", "--distinct-ids", "ids", "-o", "x.plan.jsonl", *FILE)
    digest = planned.out.split("--approve ")[1].split()[0]
    for _ in range(2):
        assert run("run", "x.plan.jsonl", "--approve", digest, *FILE).code == 0
    sent = [request for request in posthog.server.requests if request.action not in ("destroy", "bulk_delete")]
    projects = [request for request in sent if request.action.startswith("project")]
    assert used(posthog) == len(sent) - len(projects)
    assert used(posthog, Bucket.DELETES) == len(posthog.server.requests) - len(sent)


@pytest.mark.slow
def test_a_command_waits_for_the_requests_of_another_one_and_says_until_when(
    run: Run, serve: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, spawn: Callable[..., Any]
) -> None:
    served = serve(3, rate_limits=RateLimits(others_per_minute=4))
    for name, value in served.env.items():
        monkeypatch.setenv(name, value)
    limits = ("--rate-limits", "480/min,4800/hour,4/min", *FILE)
    while not Path("shared.limits").exists() or used(served) < 4:
        assert run("persons", "--count", *limits).code == 0
    process = spawn("persons", "--count", *limits)
    line = next(line for line in process.stderr if b"Waiting to stay within the rate limit" in line)
    assert b"next request in" in line
    assert {request.status for request in served.server.requests} == {200}


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "the limits file {path} is not a limits file, or its start is damaged: name another file"),
        (b"a,b\n", "the limits file {path} is not a limits file, or its start is damaged: name another file"),
        (None, "the limits file {path} belongs to another key: name another file for this key"),
    ],
)
def test_another_file_is_refused_before_any_request(
    run: Run, posthog: Any, own_folder: Path, content: bytes | None, sentence: str
) -> None:
    path = own_folder / "shared.limits"
    if content is None:
        Limits(file=path).open("phx_another")
    else:
        path.write_bytes(content)
    before = path.read_bytes()
    refused = run("persons", *FILE)
    assert refused.code == 74
    assert sentence.format(path=path) in refused.sentence
    assert posthog.server.requests == []
    assert path.read_bytes() == before


def test_a_file_that_is_damaged_during_a_run_ends_it_and_the_job_resumes(
    run: Run, posthog: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("ids").write_text("user-1\nuser-2\n")
    command = ("delete", "--distinct-ids", "ids", "--yes", "--expect-count", "2", "--plan", "x.plan.jsonl", *FILE)
    take = Limits.take

    def damaged(limits: Limits, bucket: Bucket) -> float | None:
        if bucket is Bucket.DELETES:
            Path("shared.limits").write_bytes(Path("shared.limits").read_bytes()[:-32])
        return take(limits, bucket)

    with monkeypatch.context() as damaging:
        damaging.setattr(Limits, "take", damaged)
        failed = run(*command)
    assert failed.code == 74
    assert "is damaged at record" in failed.sentence
    assert posthog.mutations == []
    Path("shared.limits").unlink()
    assert run(*command).code == 0
    assert posthog.server.world.count() == 58
