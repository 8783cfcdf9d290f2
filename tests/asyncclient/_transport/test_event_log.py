"""The logger `asyncclient`: what its records say, and that they go nowhere without a handler."""

import logging
import subprocess
import sys

import pytest

from asyncclient import (
    Bucket,
    ClientEvent,
    LimitLowered,
    Limits,
    Paused,
    PostHogClient,
    PrefixMoved,
    RateLimits,
    RequestFinished,
    Retrying,
    ServerReachable,
    ServerUnreachable,
)
from asyncclient._transport.event_log import log_event
from asyncclient.testing import Fault, LocalPostHog


@pytest.mark.parametrize(
    ("event", "level", "message"),
    [
        (
            RequestFinished(action="list", bucket=Bucket.OTHERS, mutating=False, status=200, elapsed_s=0.25, attempt=1),
            "DEBUG",
            "list: status 200 after 0.250 s, attempt 1",
        ),
        (
            RequestFinished(action="get", bucket=Bucket.OTHERS, mutating=False, status=None, elapsed_s=60.0, attempt=2),
            "DEBUG",
            "get: no response after 60.000 s, attempt 2",
        ),
        (
            Retrying(action="list", attempt=1, after_s=0.5, reason="503"),
            "INFO",
            "list: attempt 1 failed (503); retry in 0.5 s",
        ),
        (
            Paused(bucket=Bucket.DELETES, for_s=40.0, reason="429"),
            "WARNING",
            "rate limited (429): deletions wait 40.0 s, as the server asks",
        ),
        (
            LimitLowered(bucket=Bucket.OTHERS, window_s=60.0, old=None, new=100),
            "WARNING",
            "rate limit of reads and changes lowered from none to 100 per 60 s",
        ),
        (
            ServerUnreachable(away_s=1.5, retry_in_s=2.0, gives_up_in_s=898.5, reason="503"),
            "WARNING",
            "server not reachable for 1.5 s (503); next probe in 2.0 s, giving up in 898 s",
        ),
        (ServerReachable(away_s=30.0), "INFO", "server reachable again after 30.0 s"),
        (
            PrefixMoved(old="environments", new="projects"),
            "INFO",
            "path of API calls changed from /api/environments/ to /api/projects/",
        ),
    ],
)
def test_an_event_is_a_record_with_its_fields(
    event: ClientEvent, level: str, message: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, logger="asyncclient")
    log_event(event)
    (record,) = caplog.records
    assert (record.name, record.levelname, record.getMessage()) == ("asyncclient", level, message)
    assert record.__dict__["event"] is event


@pytest.mark.parametrize("bucket", Bucket)
def test_every_rate_limit_has_its_words(bucket: Bucket, caplog: pytest.LogCaptureFixture) -> None:
    log_event(Paused(bucket=bucket, for_s=1.0, reason="429"))
    (record,) = caplog.records
    assert record.getMessage().startswith("rate limited (429): ")


async def test_requests_and_retries_of_a_client_are_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, logger="asyncclient")
    async with LocalPostHog(persons=3) as server:
        server.faults.add(Fault("status", action="list", status=503, times=1))
        async with PostHogClient(
            host=server.url,
            project_id=server.project_id,
            personal_api_key=server.personal_api_key,
            limits=Limits(RateLimits.off()),
        ) as client:
            await client.persons.list()
        key = server.personal_api_key
    lines = [record.getMessage() for record in caplog.records]
    assert any(line.startswith("list: status 503") for line in lines)
    assert any(line.startswith("list: attempt 1 failed (503)") for line in lines)
    assert any(line.startswith("list: status 200") for line in lines)
    assert key not in caplog.text


@pytest.mark.slow
def test_without_a_handler_nothing_is_printed() -> None:
    script = (
        "import asyncclient, bulk.event_log, logging\n"
        "from asyncclient import Bucket, Paused\n"
        "from asyncclient._transport.event_log import log_event\n"
        "log_event(Paused(bucket=Bucket.DELETES, for_s=1.0, reason='429'))\n"
        "logging.getLogger('bulk').error('x')\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
    assert (done.stdout, done.stderr) == (b"", b"")
