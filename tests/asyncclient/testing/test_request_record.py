"""The record of every request."""


async def test_a_record_has_the_request_and_its_outcome(serve):
    api = await serve(3)
    body = {"ids": await api.uuids(), "delete_events": True}
    reply = await api.post("bulk_delete/?x=1&x=2", body, headers={"X-Run": "7"})
    record = api.server.requests[-1]
    assert (record.number, record.method, record.action) == (2, "POST", "bulk_delete")
    assert record.path == "/api/projects/1/persons/bulk_delete/"
    assert record.query == (("x", "1"), ("x", "2"))
    assert record.body == body
    assert record.at == api.clock.now
    assert (record.status, record.applied, record.fault) == (202, True, None)
    assert record.headers["x-run"] == "7"
    assert "authorization" not in record.headers
    assert record.bytes == int(record.headers["content-length"])
    assert record.answered_bytes == len(reply.body)


async def test_each_call_is_recorded_under_its_name(serve):
    api = await serve(3)
    for call, action in (
        (api.get(), "list"),
        (api.get("1/"), "retrieve"),
        (api.post("1/delete_events/"), "delete_events"),
        (api.post("1/delete_recordings/"), "delete_recordings"),
        (api.post("batch_by_uuids/"), "batch_by_uuids"),
        (api.post("batch_by_distinct_ids/"), "batch_by_distinct_ids"),
        (api.get("deletion_status/"), "deletion_status"),
        (api.delete("1/"), "destroy"),
        (api.get("/api/projects/"), "projects"),
        (api.get("/api/projects/1/"), "projects"),
        (api.get("bulk_delete/"), "unknown"),
        (api.get("/nothing"), "unknown"),
    ):
        await call
        assert api.server.requests[-1].action == action


async def test_reads_and_refusals_are_not_applied(serve):
    api = await serve(3)
    await api.get()
    await api.delete("999/")
    await api.post("bulk_delete/", {})
    assert not any(record.applied for record in api.server.requests)


async def test_recording_can_be_switched_off_and_still_counts(serve):
    api = await serve(3, record_requests=False)
    await api.get()
    assert (api.server.requests, api.server.request_counts) == ([], {"list": 1})


async def test_recording_can_be_capped_to_the_latest(serve):
    api = await serve(3, record_limit=2)
    for limit in (1, 2, 3):
        await api.get(f"?limit={limit}")
    assert [dict(record.query)["limit"] for record in api.server.requests] == ["2", "3"]
    assert api.server.requests[-1].number == 3
