"""A web service that plans an erasure, waits for its approval, runs it, and streams its progress to browsers.

Needs fastapi, and a server such as uvicorn: `uvicorn fastapi_app:app`. The client is set up by the
`POSTHOG_*` variables, and `ERASURES` names the folder of plans and journals. Put your own authentication in front.

A job runs in a task of its own: browsers may come, go and come back. When the service is stopped, its jobs stop in good
order; `POST .../run` resumes them.
"""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import UUID, uuid4

import anyio
import msgspec
from fastapi import FastAPI, HTTPException, Request
from fastapi.responses import StreamingResponse

from asyncclient import PostHogClient
from bulk import (
    BulkError,
    ByDistinctIds,
    DeletePersons,
    JobEvent,
    load_plan,
    make_plan,
    run_job,
)


class RunningJob:
    """A job and those who follow it; each of them sees the latest event, and the last one for certain."""

    def __init__(self) -> None:
        self.task: asyncio.Task[None] | None = None
        self._latest: JobEvent | None = None
        self._end: dict[str, object] | None = None
        self._changed = asyncio.Event()

    def on_progress(self, event: JobEvent) -> None:
        """Keep an event for those who follow; never blocks."""
        self._latest = event
        self._changed.set()
        self._changed = asyncio.Event()

    def end(self, **result: object) -> None:
        """Keep how the run ended."""
        self._end = result
        self._changed.set()

    async def follow(self) -> AsyncIterator[bytes]:
        """Return the events as server-sent events, until the run ends."""
        sent: JobEvent | None = None
        while self._end is None:
            changed = self._changed
            if self._latest is not None and self._latest is not sent:
                sent = self._latest
                yield b"data: " + msgspec.json.encode(sent) + b"\n\n"
            else:
                await changed.wait()
        yield b"event: end\ndata: " + msgspec.json.encode(self._end) + b"\n\n"


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Open the client, and stop all jobs in good order at the end."""
    app.state.folder = Path(os.environ["ERASURES"])
    app.state.jobs = {}
    app.state.stop = anyio.Event()
    async with PostHogClient.from_env() as client:
        app.state.client = client
        yield
        app.state.stop.set()  # nothing more is sent, and requests in flight are awaited
        await asyncio.gather(*(job.task for job in app.state.jobs.values()))


app = FastAPI(lifespan=lifespan)


@app.post("/erasures")
async def plan_erasure(request: Request, distinct_ids: list[str]) -> dict[str, object]:
    """Plan the erasure of these persons; nothing is changed."""
    name = uuid4()
    try:
        plan = await make_plan(
            request.app.state.client,
            DeletePersons(delete_events=True),
            ByDistinctIds(distinct_ids),
            request.app.state.folder / f"{name}.plan.jsonl",
        )
    except (BulkError, ValueError) as error:
        raise HTTPException(422, str(error)) from None
    with plan:
        return {"name": str(name), "count": plan.count, "digest": plan.digest}


@app.post("/erasures/{name}/run", status_code=202)
async def run_erasure(request: Request, name: UUID, approve: str) -> dict[str, str]:
    """Run a planned erasure whose digest was approved, or resume it."""
    state = request.app.state
    path = state.folder / f"{name}.plan.jsonl"
    if not path.exists():
        raise HTTPException(404, "no such erasure")
    running = state.jobs.get(name)
    if running is None or running.task.done():
        state.jobs[name] = job = RunningJob()
        job.task = asyncio.create_task(_run(state.client, path, job, approve=approve, stop=state.stop))
    return {"events": f"/erasures/{name}/events"}


@app.get("/erasures/{name}/events")
async def follow_erasure(request: Request, name: UUID) -> StreamingResponse:
    """Follow an erasure that was run since the service started."""
    job = request.app.state.jobs.get(name)
    if job is None:
        raise HTTPException(404, "this erasure is not running: run it first")
    return StreamingResponse(job.follow(), media_type="text/event-stream", headers={"Cache-Control": "no-store"})


async def _run(client: PostHogClient, path: Path, job: RunningJob, *, approve: str, stop: anyio.Event) -> None:
    journal = path.with_name(path.name.replace(".plan.", ".journal."))
    try:
        with load_plan(path) as plan:
            report = await run_job(client, plan, journal, approve=approve, on_progress=job.on_progress, stop=stop)
        job.end(verdict=report.verdict, exit_code=report.exit_code)
    except Exception as error:  # its followers have to learn of it
        job.end(error=str(error))
