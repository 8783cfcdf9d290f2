"""PostHog's own SDK against the local server: it creates and changes persons."""

import asyncio

import pytest
from posthog import Posthog


def make_persons(url, token, failures):
    client = Posthog(token, host=url, flush_at=100, flush_interval=0.01, gzip=True, on_error=failures.append)
    try:
        for number in range(700):
            client.set(distinct_id=f"sdk-{number}", properties={"number": number, "plan": "free"})
        for number in range(700, 1000):
            properties = {"$set": {"number": number, "plan": "free"}, "$set_once": {"first": "capture"}}
            client.capture("signed up", distinct_id=f"sdk-{number}", properties=properties)
        for number in range(0, 1000, 10):
            client.set_once(distinct_id=f"sdk-{number}", properties={"plan": "never", "first": "set_once"})
            client.alias(previous_id=f"sdk-{number}", distinct_id=f"alias-{number}")
        unset = {"$unset": ["plan"], "$geoip_disable": True}
        client.capture("$delete_person_property", distinct_id="sdk-1", properties=unset)
        assert client.get_all_flags("sdk-1") == {}
    finally:
        client.shutdown()


@pytest.mark.slow
async def test_a_thousand_persons_made_by_the_sdk_are_read_back(serve):
    api = await serve()
    failures = []
    await asyncio.to_thread(make_persons, api.server.url, api.server.project_api_key, failures)
    assert failures == []
    results = (await api.get("?limit=1000")).json["results"]
    assert len(results) == api.world.count() == 1000
    by_number = {person["properties"]["number"]: person for person in results}
    assert sorted(by_number) == list(range(1000))
    for number, person in by_number.items():
        expected = {"number": number, "plan": "free"}
        if number == 1:
            del expected["plan"]
        if number >= 700:
            expected["first"] = "capture"
        elif number % 10 == 0:
            expected["first"] = "set_once"
        assert person["properties"] == expected
        ids = [f"sdk-{number}"] + ([f"alias-{number}"] if number % 10 == 0 else [])
        assert person["distinct_ids"] == ids
    assert set(api.server.request_counts) == {"capture", "flags", "list"}
