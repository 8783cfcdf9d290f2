"""A user's session that responds by itself: what was read back counts, not what the calls returned."""

import warnings
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from asyncclient import Limits, PostHogClient, RateLimits, RetryPolicy
from asyncclient.testing import LocalPostHog, ServerOptions
from bulk import ByPersonIds, UpdateProperties, make_plan, run_job

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # aiohttp discourages it, and people do it

    class Recorded(aiohttp.ClientSession):
        """Responds to every third change with the response to an earlier one, as a recording would."""

        async def _request(self, method: str, url: Any, **arguments: Any) -> aiohttp.ClientResponse:
            if method == "PATCH":
                self.changes += 1
                if self.changes % 3 == 0:
                    self.invented.append(url)
                    return await super()._request("PATCH", self.first, data=b'{"properties": {}}', headers=self.key)
                self.first = self.first or url
            return await super()._request(method, url, **arguments)

        ATTRS = aiohttp.ClientSession.ATTRS | {"changes", "invented", "first", "key"}
        changes, first = 0, None


@pytest.mark.slow
async def test_a_response_that_a_session_invents_never_counts_as_done(tmp_path: Path, axis: Any) -> None:
    """Who was read back as changed counts as done, and nobody else; the job says that it is not finished."""
    async with LocalPostHog(persons=60, seed=3, options=ServerOptions(era="summary")) as server, Recorded() as session:
        session.invented, session.key = [], {"Content-Type": "application/json"}
        session.key["Authorization"] = f"Bearer {server.personal_api_key}"
        client = PostHogClient(
            host=server.url,
            project_id=server.project_id,
            personal_api_key=server.personal_api_key,
            limits=Limits(RateLimits.off()),
            retry=RetryPolicy(base_s=0.01),
            session=session,
        )
        everybody = list(server.world.iter_uuids())
        journal, operation = tmp_path / "job.journal.jsonl", UpdateProperties({"plan": "x"}, route="rest")
        async with client:
            with await make_plan(client, operation, ByPersonIds(everybody), tmp_path / "job.plan.jsonl") as plan:
                report = await run_job(client, plan, journal, approve=plan.digest, wait_s=1.0)
        people = [server.world.person(uuid) for uuid in everybody]
        changed = [person for person in people if person is not None and person.properties.get("plan") == "x"]
    assert session.invented
    assert len(changed) < 60
    assert axis(report, "properties")["changed_confirmed"] == len(changed)
    assert report.exit_code == 75
