"""Rate limits against Django REST framework's own throttles, and their buckets over a socket (contract 3)."""

from email.utils import parsedate_to_datetime

import pytest
from django.conf import settings
from hypothesis import given
from hypothesis import strategies as st

from asyncclient.testing import RateLimits
from asyncclient.testing.http.throttle import DELETES, OTHERS, Throttle, whole_seconds

if not settings.configured:
    settings.configure(USE_I18N=False)

from rest_framework.exceptions import Throttled
from rest_framework.throttling import SimpleRateThrottle


class Shelf:
    """A cache that never forgets: the throttles drop old entries themselves."""

    def __init__(self):
        self.entries = {}

    def get(self, key, default):
        return self.entries.get(key, default)

    def set(self, key, value, duration):
        self.entries[key] = value


class Oracle:
    """A view with a burst and a sustained throttle, checked as APIView.check_throttles does."""

    def __init__(self, per_minute, per_hour):
        self.now = 0.0
        self.shelf = Shelf()
        self.rates = {"burst": per_minute and f"{per_minute}/minute", "sustained": per_hour and f"{per_hour}/hour"}

    def admit(self, now):
        self.now = now
        durations = []
        for name, rate in self.rates.items():
            if rate is None:
                continue
            throttle = self._throttle(name, rate)
            if not throttle.allow_request(None, None):
                durations.append(throttle.wait())
        if not durations:
            return True, None
        return False, max((wait for wait in durations if wait is not None), default=None)

    def _throttle(self, name, rate_text):
        oracle = self

        class Counted(SimpleRateThrottle):
            scope = name
            rate = rate_text
            cache = oracle.shelf

            def timer(self):
                return oracle.now

            def get_cache_key(self, request, view):
                return name

        return Counted()


GAPS = st.one_of(
    st.just(0.0), st.floats(0, 2), st.floats(0, 90), st.sampled_from([1.0, 59.0, 60.0, 61.0, 3599.0, 3600.0])
)


@pytest.mark.slow
@given(
    gaps=st.lists(GAPS, max_size=150),
    per_minute=st.one_of(st.none(), st.integers(1, 12)),
    per_hour=st.one_of(st.none(), st.integers(1, 30)),
)
def test_the_sliding_log_decides_and_waits_as_the_framework_does(gaps, per_minute, per_hour):
    oracle = Oracle(per_minute, per_hour)
    throttle = Throttle()
    limits = RateLimits(deletes_per_minute=per_minute, deletes_per_hour=per_hour)
    now = 1_000_000.0
    for gap in gaps:
        now += gap
        verdict = throttle.admit(DELETES, "key", now, limits)
        assert (verdict.allowed, verdict.wait_s) == oracle.admit(now)


@pytest.mark.slow
@given(changes=st.lists(st.tuples(GAPS, st.integers(1, 6)), max_size=60))
def test_a_lowered_limit_waits_as_the_framework_does_up_to_not_knowing(changes):
    oracle = Oracle(6, None)
    throttle = Throttle()
    now = 0.0
    for gap, limit in changes:
        now += gap
        oracle.rates["burst"] = f"{limit}/minute"
        limits = RateLimits(others_per_minute=limit, others_per_hour=None)
        verdict = throttle.admit(OTHERS, "key", now, limits)
        assert (verdict.allowed, verdict.wait_s) == oracle.admit(now)


@given(wait=st.one_of(st.none(), st.floats(0, 4000)))
def test_the_wait_is_rounded_as_the_framework_does(wait):
    assert whole_seconds(wait) == Throttled(wait).wait


async def test_deletes_and_other_calls_are_counted_apart(serve):
    api = await serve(9, rate_limits=RateLimits(deletes_per_minute=3, others_per_minute=2, default_per_minute=1))
    uuids = [str(uuid) for uuid in api.world.iter_uuids()]
    assert (await api.delete(f"{uuids[0]}/")).status == 202
    assert (await api.post(f"{uuids[1]}/delete_events/")).status == 202
    assert (await api.post("bulk_delete/", {"ids": uuids[1:]})).status == 202
    assert (await api.post(f"{uuids[1]}/delete_recordings/")).status == 429
    assert (await api.get()).status == 200
    assert (await api.get("deletion_status/")).status == 200
    assert (await api.post("batch_by_uuids/", {})).status == 429
    assert (await api.get("/api/projects/")).status == 200
    assert (await api.get("/api/projects/1/")).status == 429


@pytest.mark.slow
async def test_posthogs_limits_let_480_deletes_and_240_others_through_in_a_minute(serve):
    api = await serve(1, rate_limits="posthog")
    others = [(await api.get("?limit=1")).status for _ in range(241)]
    assert (others.count(200), others[-1]) == (240, 429)
    deletes = [(await api.delete("999/")).status for _ in range(481)]
    assert (deletes.count(404), deletes[-1]) == (480, 429)
    api.clock.now += 60
    assert (await api.get("?limit=1")).status == 200


async def test_a_429_says_how_long_to_wait(serve):
    api = await serve(1, rate_limits=RateLimits(others_per_minute=1))
    await api.get()
    api.clock.now += 17.5
    reply = await api.get()
    assert reply.error == (429, "throttled_error", "throttled")
    assert reply.json["detail"] == "Request was throttled. Expected available in 43 seconds."
    assert reply.headers["Retry-After"] == "43"
    api.clock.now += 41.5
    assert (await api.get()).json["detail"].endswith("Expected available in 1 second.")


@pytest.mark.parametrize("form", ["date", "missing", "unknown"])
async def test_retry_after_can_be_a_date_or_be_missing(serve, form):
    api = await serve(1, rate_limits=RateLimits(others_per_minute=1), retry_after=form)
    await api.get()
    reply = await api.get()
    if form == "date":
        assert parsedate_to_datetime(reply.headers["Retry-After"]).timestamp() == api.clock.now + 60
    else:
        assert "Retry-After" not in reply.headers
    assert ("60 seconds" in reply.json["detail"]) is (form != "unknown")


async def test_a_wait_that_cannot_be_computed_is_left_out(serve):
    api = await serve(1, rate_limits=RateLimits(others_per_minute=5))
    for _ in range(5):
        await api.get()
    api.server.reconfigure(rate_limits=RateLimits(others_per_minute=2))
    reply = await api.get()
    assert (reply.status, reply.json["detail"]) == (429, "Request was throttled.")
    assert "Retry-After" not in reply.headers


async def test_hammering_a_full_minute_burns_the_hour(serve):
    api = await serve(1, rate_limits=RateLimits(deletes_per_minute=2, deletes_per_hour=10))
    for _ in range(10):
        await api.delete("999/")
    api.clock.now += 60
    reply = await api.delete("999/")
    assert reply.status == 429
    assert reply.headers["Retry-After"] == "3540"


async def test_a_request_refused_for_its_key_or_scope_is_not_counted(serve):
    api = await serve(1, rate_limits=RateLimits(others_per_minute=1))
    for _ in range(3):
        assert (await api.get(headers={"Authorization": "Bearer x"})).status == 401
        assert (await api.get("/api/projects/2/persons/")).status == 404
        assert (await api.get("/api/projects/1/nothing/")).status == 404
    assert (await api.get()).status == 200


async def test_a_request_refused_later_is_counted(serve):
    api = await serve(1, rate_limits=RateLimits(others_per_minute=2))
    assert (await api.get("nobody/")).status == 400
    assert (await api.get("bulk_delete/")).status == 405
    assert (await api.get()).status == 429
    api.server.forget_rate_limits()
    assert (await api.get()).status == 200


@pytest.mark.slow
async def test_nothing_is_rate_limited_by_default(serve):
    api = await serve(1)
    assert {(await api.get("?limit=1")).status for _ in range(300)} == {200}
