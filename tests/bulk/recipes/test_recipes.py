"""The recipes, run against the local server as they are."""

import asyncio
import importlib.util
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx
import jsonschema
import pytest
import yaml
from opentelemetry.instrumentation.aiohttp_client import AioHttpClientInstrumentor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from asyncclient import PostHogClient, RetryPolicy
from asyncclient.testing import Fault, LocalPostHog
from bulk import ByDistinctIds, DeletePersons, make_plan

RECIPES = Path(__file__).parents[3] / "bulk" / "recipes"


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"recipe_{name}", RECIPES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
async def posthog(monkeypatch: pytest.MonkeyPatch) -> Any:
    async with LocalPostHog(persons=20, seed=1) as server:
        monkeypatch.setenv("POSTHOG_HOST", server.url)
        monkeypatch.setenv("POSTHOG_PROJECT_ID", str(server.project_id))
        monkeypatch.setenv("POSTHOG_PERSONAL_API_KEY", server.personal_api_key)
        monkeypatch.delenv("POSTHOG_PERSONAL_API_KEY_FILE", raising=False)
        yield server


async def test_prometheus_counts_requests_retries_and_waits(posthog: LocalPostHog) -> None:
    prometheus = pytest.importorskip("prometheus_client")
    registry = prometheus.CollectorRegistry()
    metrics = load("prometheus_metrics").ClientMetrics(registry)
    posthog.faults.add(Fault("status", status=503, times=1))
    posthog.faults.add(Fault("status", status=429, retry_after="1", times=1))
    async with PostHogClient.from_env(on_event=metrics, retry=RetryPolicy(retry_for_s=0)) as client:
        for _ in range(3):
            await client.persons.list()

    def value(name: str, **labels: str) -> float | None:
        return registry.get_sample_value(name, labels)

    assert value("posthog_requests_total", action="list", status="200") == 3
    assert value("posthog_requests_total", action="list", status="503") == 1
    assert value("posthog_request_seconds_count", action="list") == 5
    assert value("posthog_retries_total", action="list") == 2
    assert (value("posthog_pause_seconds_total", bucket="others") or 0) >= 1
    assert value("posthog_limits_lowered_total", bucket="others") == 1


async def test_opentelemetry_has_metrics_and_a_span_per_job(posthog: LocalPostHog, tmp_path: Path) -> None:
    recipe = load("opentelemetry_job")
    exporter, reader, traces = InMemorySpanExporter(), InMemoryMetricReader(), TracerProvider()
    traces.add_span_processor(SimpleSpanProcessor(exporter))
    meters = MeterProvider(metric_readers=[reader])
    AioHttpClientInstrumentor().instrument(tracer_provider=traces)
    try:
        async with PostHogClient.from_env(on_event=recipe.ClientInstruments(meters.get_meter("test"))) as client:
            plan = await make_plan(client, DeletePersons(), ByDistinctIds(["user-1"]), tmp_path / "x.plan.jsonl")
            exporter.clear()
            report = await recipe.run_traced(
                client, plan, tmp_path / "x.journal.jsonl", approve=plan.digest, tracer=traces.get_tracer("test")
            )
            plan.close()
    finally:
        AioHttpClientInstrumentor().uninstrument()
    assert report.exit_code == 0
    *requests, job = exporter.get_finished_spans()
    assert job.name == "posthog-bulk run"
    assert {"posthog.targets": 1, "posthog.exit_code": 0}.items() <= dict(job.attributes or {}).items()
    assert "test batch" in [event.name for event in job.events]
    assert {span.parent and span.parent.span_id for span in requests} == {job.context.span_id}
    data = json.loads(reader.get_metrics_data().to_json())  # type: ignore[union-attr]
    names = {each["name"] for each in data["resource_metrics"][0]["scope_metrics"][0]["metrics"]}
    assert "posthog.request.duration" in names
    assert "user-1" not in json.dumps(data)
    meters.shutdown()


@pytest.mark.slow
async def test_the_web_service_plans_runs_and_streams_an_erasure(
    posthog: LocalPostHog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("fastapi")
    monkeypatch.setenv("ERASURES", str(tmp_path))
    app = load("fastapi_app").app
    transport = httpx.ASGITransport(app)
    async with app.router.lifespan_context(app), httpx.AsyncClient(transport=transport, base_url="http://test") as web:
        assert (await web.post("/erasures", json=["nobody"])).status_code == 422
        planned = (await web.post("/erasures", json=["user-1", "user-2"])).json()
        assert planned["count"] == 2
        assert posthog.world.count() == 20
        erasure = f"/erasures/{planned['name']}"
        assert (await web.get(f"{erasure}/events")).status_code == 404
        refused = (await web.post(f"{erasure}/run", params={"approve": "0" * 12})).json()
        assert "digest" in (await web.get(refused["events"])).text
        assert posthog.world.count() == 20
        running = await web.post(f"{erasure}/run", params={"approve": planned["digest"]})
        assert running.status_code == 202
        followers = await asyncio.gather(*(web.get(running.json()["events"]) for _ in range(2)))
        for response in followers:
            assert response.headers["content-type"].startswith("text/event-stream")
            *events, end = response.text.strip().split("\n\n")
            assert end.startswith("event: end\ndata: ")
            assert json.loads(end.partition("data: ")[2])["exit_code"] == 0
            assert all("event" in json.loads(event.removeprefix("data: ")) for event in events)
            assert "user-1" not in response.text
        assert posthog.world.count() == 18
        assert (await web.get(running.json()["events"])).text.startswith("event: end")  # for who comes back later


@pytest.mark.slow
async def test_the_web_service_stops_its_jobs_in_good_order_and_resumes_them(
    posthog: LocalPostHog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("fastapi")
    monkeypatch.setenv("ERASURES", str(tmp_path))
    names: list[Any] = []
    for _ in range(2):
        app = load("fastapi_app").app
        transport = httpx.ASGITransport(app)
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=transport, base_url="http://test") as web,
        ):
            if not names:
                names.append((await web.post("/erasures", json=["user-1", "user-2"])).json())
            erasure = f"/erasures/{names[0]['name']}"
            running = await web.post(f"{erasure}/run", params={"approve": names[0]["digest"]})
            if len(names) == 1:
                names.append(running)
                await posthog.arrived(1, action="bulk_delete")
                continue  # the service is stopped while the job runs
            assert '"exit_code":0' in (await web.get(running.json()["events"])).text
    assert posthog.world.count() == 18


def command_shim(folder: Path) -> None:
    """Put `posthog-bulk` on the PATH of the test, as it is installed."""
    shim = folder / "posthog-bulk"
    shim.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m bulk "$@"\n')
    shim.chmod(0o755)
    os.environ["PATH"] = f"{folder}{os.pathsep}{os.environ['PATH']}"
    os.environ["PYTHONPATH"] = str(RECIPES.parents[1])


@pytest.fixture
async def planned(posthog: LocalPostHog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A plan as the recipes name it, in `tmp_path`; returns its digest."""
    for name in ("PATH", "PYTHONPATH"):
        monkeypatch.setenv(name, os.environ.get(name, ""))
    command_shim(tmp_path)
    async with PostHogClient.from_env() as client:
        path = tmp_path / "leavers.plan.jsonl"
        with await make_plan(client, DeletePersons(delete_events=True), ByDistinctIds(["user-1"]), path) as plan:
            return plan.digest


@pytest.mark.slow
async def test_the_airflow_task_retries_only_what_is_not_finished(
    posthog: LocalPostHog, planned: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tasks: dict[str, Callable[[], None]] = {}
    airflow = stub_airflow(tasks)
    for name, module in airflow.items():
        monkeypatch.setitem(sys.modules, name, module)
    recipe = load("airflow_dag")
    assert list(tasks) == ["run_plan", "verify"]
    monkeypatch.setattr(recipe, "PLAN", str(tmp_path / "leavers.plan.jsonl"))
    monkeypatch.setattr(recipe, "JOURNAL", str(tmp_path / "leavers.journal.jsonl"))
    failed = airflow["airflow.sdk.exceptions"].AirflowFailException
    with pytest.raises(failed, match="exit code 3"):  # another digest than the approved one
        await asyncio.to_thread(tasks["run_plan"])
    monkeypatch.setattr(recipe, "DIGEST", planned)
    await asyncio.to_thread(tasks["run_plan"])
    assert posthog.world.count() == 19
    with pytest.raises(recipe.NotFinishedError):  # the events are not purged yet
        await asyncio.to_thread(tasks["verify"])
    posthog.run_event_deletion()
    await asyncio.to_thread(tasks["verify"])


def stub_airflow(tasks: dict[str, Any]) -> dict[str, Any]:
    """Return the modules of Airflow that the DAG imports, with the documented interface of what it uses."""

    class Task:
        def __rshift__(self, other: "Task") -> "Task":
            return other

    def task(*, retries: int, retry_delay: Any) -> Callable[[Callable[[], None]], Callable[[], Task]]:
        assert retries > 0
        assert retry_delay.total_seconds() > 0

        def decorate(function: Callable[[], None]) -> Callable[[], Task]:
            tasks[function.__name__] = function
            return Task

        return decorate

    def dag(*, schedule: None, catchup: bool, max_active_runs: int, tags: list[str]) -> Callable[[Any], Any]:
        assert max_active_runs == 1
        return lambda function: function

    class AirflowFailException(Exception):
        pass

    modules = {name: ModuleType(name) for name in ("airflow", "airflow.sdk", "airflow.sdk.exceptions")}
    vars(modules["airflow.sdk"]).update(dag=dag, task=task)
    vars(modules["airflow.sdk.exceptions"]).update(AirflowFailException=AirflowFailException)
    return modules


def closed(properties: dict[str, Any], *required: str) -> dict[str, Any]:
    """A schema of an object that has these fields and no others."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(required or properties),
        "additionalProperties": False,
    }


TEXT, NUMBER = {"type": "string"}, {"type": "integer", "minimum": 0}
NAME = {"type": "string", "pattern": "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$", "maxLength": 52}
SECRET = closed({"secretKeyRef": closed({"name": NAME, "key": TEXT})})
VARIABLE = closed({"name": TEXT, "value": TEXT, "valueFrom": SECRET}, "name")
CONTAINER = closed(
    {
        "name": NAME,
        "image": TEXT,
        "command": {"type": "array", "items": TEXT},
        "env": {"type": "array", "items": VARIABLE},
        "volumeMounts": {"type": "array", "items": closed({"name": NAME, "mountPath": TEXT})},
    }
)
EXIT_CODES = closed(
    {"operator": {"enum": ["In", "NotIn"]}, "values": {"type": "array", "items": NUMBER, "minItems": 1}}
)
RULE = closed(
    {
        "action": {"enum": ["FailJob", "Ignore", "Count"]},
        "onExitCodes": EXIT_CODES,
        "onPodConditions": {"type": "array", "items": closed({"type": {"const": "DisruptionTarget"}, "status": TEXT})},
    },
    "action",
)
POD = closed(
    {
        "restartPolicy": {"const": "Never"},  # podFailurePolicy needs it
        "terminationGracePeriodSeconds": {"type": "integer", "minimum": 21},
        "securityContext": closed({"runAsNonRoot": {"const": True}, "runAsUser": NUMBER, "fsGroup": NUMBER}),
        "initContainers": {"type": "array", "items": CONTAINER, "minItems": 1},
        "containers": {"type": "array", "items": CONTAINER, "minItems": 1},
        "volumes": {
            "type": "array",
            "items": closed({"name": NAME, "persistentVolumeClaim": closed({"claimName": NAME})}),
        },
    }
)
JOB = closed(
    {
        "backoffLimit": NUMBER,
        "podFailurePolicy": closed({"rules": {"type": "array", "items": RULE}}),
        "template": closed({"spec": POD}),
    }
)
CRON_JOB = closed(
    {
        "apiVersion": {"const": "batch/v1"},
        "kind": {"const": "CronJob"},
        "metadata": closed({"name": NAME}),
        "spec": closed(
            {
                "schedule": {"type": "string", "pattern": r"^\S+( \S+){4}$"},
                "concurrencyPolicy": {"const": "Forbid"},
                "startingDeadlineSeconds": {"type": "integer", "minimum": 10},
                "successfulJobsHistoryLimit": NUMBER,
                "failedJobsHistoryLimit": NUMBER,
                "jobTemplate": closed({"spec": JOB}),
            }
        ),
    }
)
"""The fields of a CronJob that the recipe uses, as the API reference of batch/v1 defines them."""


@pytest.mark.slow
async def test_the_cronjob_is_valid_and_its_commands_resume_until_the_events_are_purged(
    posthog: LocalPostHog, planned: str, tmp_path: Path
) -> None:
    manifest = yaml.safe_load((RECIPES / "cronjob.yaml").read_text())
    jsonschema.validate(manifest, CRON_JOB)
    job = manifest["spec"]["jobTemplate"]["spec"]
    pod = job["template"]["spec"]
    containers = [*pod["initContainers"], *pod["containers"]]
    mounts = {mount["name"] for each in containers for mount in each["volumeMounts"]}
    assert mounts == {volume["name"] for volume in pod["volumes"]}
    (exit_codes,) = (rule["onExitCodes"] for rule in job["podFailurePolicy"]["rules"] if "onExitCodes" in rule)
    assert exit_codes == {"operator": "NotIn", "values": [75]}

    async def run_pod() -> int:
        for container in containers:
            command = [
                word.replace("/jobs/", f"{tmp_path}/").replace("0123456789ab", planned) for word in container["command"]
            ]
            process = await asyncio.create_subprocess_exec(*command)
            if code := await process.wait():
                return code
        return 0

    assert await run_pod() == 75
    assert posthog.world.count() == 19
    assert await run_pod() == 75
    posthog.run_event_deletion()
    assert await run_pod() == 0


def test_each_recipe_is_in_the_list() -> None:
    listed = (RECIPES / "README.md").read_text()
    files = [path.name for path in RECIPES.iterdir() if path.suffix in (".py", ".yaml")]
    assert [name for name in files if f"]({name})" not in listed] == []
