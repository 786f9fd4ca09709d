"""A bad network between an orchestrator and its agents: real sockets, certificates, and code of both sides."""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from reconciler.protocol.reconnect import SessionGate
from tests.agent.host import comes
from tests.fleet.stage import run, stage

BEGUN = "a session with the orchestrator has begun"
pytestmark = pytest.mark.timeout(150)
both = pytest.mark.parametrize("sockets", [True, False], ids=["websocket", "polling"])


@both
@pytest.mark.fault("N1")
def test_a_black_hole_is_noticed_and_the_session_begun_anew(tmp_path: Path, *, sockets: bool) -> None:
    """Nobody closes the connection: a box on the way has forgotten it."""

    async def story() -> None:
        async with stage(tmp_path) as here:
            host = await here.host(sockets=sockets)
            async with host.running() as talk:
                await comes(talk.opened.is_set)
                here.network.swallow()
                began = time.monotonic()
                task = await here.submit()
                assert (await here.ended(task, within_s=60))["state"] == "succeeded"
                assert time.monotonic() - began > 1, "it came through the black hole"
                assert host.begun == [task]

    run(story())


@both
@pytest.mark.fault("N3")
def test_a_link_that_comes_and_goes_each_second_costs_few_sessions_and_nobody_else(
    tmp_path: Path, *, sockets: bool
) -> None:
    async def story() -> None:
        async with stage(tmp_path, gate=SessionGate()) as here:
            host = await here.host(sockets=sockets)
            with capture_logs() as logs:
                async with host.running() as talk:
                    await comes(talk.opened.is_set)
                    for _ in range(5):
                        here.network.refuse(on=True)
                        await asyncio.sleep(0.5)
                        here.network.refuse(on=False)
                        await asyncio.sleep(0.5)
                    assert sum(line["event"] == BEGUN for line in logs) <= 4
                    assert here.network.connections < 20
                    other = await here.host("host-b", sockets=sockets)
                    async with other.running() as beside:
                        await comes(beside.opened.is_set)
                    task = await here.submit()
                    assert (await here.ended(task, within_s=60))["state"] == "succeeded"

    run(story())


@both
@pytest.mark.fault("N4", "N6", "N10")
def test_a_task_whose_result_is_lost_comes_again_over_the_other_transport_and_has_one_effect(
    tmp_path: Path, *, sockets: bool
) -> None:
    async def story() -> None:
        async with stage(tmp_path) as here:
            host = await here.host(sockets=sockets)
            host.hold = True
            async with host.running() as talk:
                task = await here.submit()
                await comes(lambda: host.begun)
                here.network.swallow("up")
                host.end(task)
                await comes(lambda: host.store.memory().kept.entries[0].result)
                assert (await here.task(task))["state"] != "succeeded"
                assert talk.opened.is_set()
            host.sockets = not sockets
            async with host.running():
                ended = await here.ended(task)
                assert (ended["state"], host.begun) == ("succeeded", [task])
                again = await here.submit(key=ended["idempotencyKey"])
                assert again == task
                await asyncio.sleep(1.5)
                assert host.begun == [task]

    run(story())


@pytest.mark.fault("N12")
def test_a_fleet_that_has_lost_its_orchestrator_comes_back_one_after_the_other(tmp_path: Path) -> None:
    """Each draws its moment by chance; whoever comes when too many have come is sent away, and comes again."""

    async def story() -> None:
        async with stage(tmp_path, gate=SessionGate(together=5)) as here, AsyncExitStack() as all_of_them:
            talks = []
            for number in range(10):
                host = await here.host(f"host-{number}")
                talks.append(await all_of_them.enter_async_context(host.running()))
            await comes(lambda: all(talk.opened.is_set() for talk in talks), within_s=60)
            before = here.network.connections
            here.network.cut()
            await asyncio.sleep(0.5)
            assert here.network.connections - before <= 6, "they came back at once"
            await comes(lambda: all(talk.opened.is_set() for talk in talks), within_s=60)

    run(story())
