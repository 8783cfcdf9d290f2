"""The clocks of the model replace every clock that client and engine read."""

import asyncio

from job_model.world.machine import Machine
from virtual_time import run_virtual

from asyncclient import Limits, PostHogClient


def test_a_client_lives_by_the_clocks_of_the_machine() -> None:
    async def run() -> None:
        machine = Machine()
        machine.wall_off_s = 7200.0
        with machine.in_use():
            async with PostHogClient(host="http://127.0.0.1:1", project_id=1, personal_api_key="phx_key") as client:
                assert client.boot_time() == machine.boot()
                assert client.server_time() == machine.wall()
                await asyncio.sleep(100.0)
                assert client.boot_time() == machine.boot()
                machine.sleep(4000.0)
                assert client.boot_time() == machine.boot()
                assert Limits().clock() == machine.boot()

    run_virtual(run())
