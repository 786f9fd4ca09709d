"""An orchestrator that is killed at random moments while it hands out tasks: each has its effect exactly once."""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from pathlib import Path
from random import Random

import pytest

from reconciler.__main__ import main
from reconciler.agent.work import Work
from reconciler.protocol.session.work import WorkReport, report_of
from tests.agent.host import Host, comes
from tests.fleet.program import OrchestratorProgram
from tests.fleet.stage import OVER
from tests.parts.warm import WarmPrograms


class Town:
    """``effects``: what was changed by tasks, as often as it was."""

    def __init__(self, folder: Path, programs: WarmPrograms, *, sockets: bool, seed: int) -> None:
        self.orchestrator = OrchestratorProgram(folder, programs)
        self.host = Host(
            folder, self.orchestrator, sockets=sockets, handlers=lambda _: {"write-sticker": self._work}
        )
        self.effects: Counter[str] = Counter()
        self.random = Random(seed)  # noqa: S311

    async def _work(self, work: Work) -> WorkReport:
        await asyncio.sleep(self.random.uniform(0, 0.05))
        stop = await work.talk.pass_no_return(work.task.id)
        if stop is not None:
            return report_of(stop)
        self.effects[work.task.idempotency_key] += 1
        await work.say("written")
        return WorkReport(outcome="succeeded", outputs={"count": self.effects[work.task.idempotency_key]})

    async def live(self, tasks: int, at_once: int) -> None:
        """Ask for so many, a kill in the midst of each few of them."""
        self.orchestrator.start()
        await comes(lambda: _answers(self.orchestrator.port))
        await self.host.enroll()
        async with self.host.running() as talk:
            for begin in range(0, tasks, at_once):
                await comes(talk.opened.is_set, within_s=90)
                keys = [f"task-{number}" for number in range(begin, min(tasks, begin + at_once))]
                asking = [asyncio.create_task(self._submit(key)) for key in keys]
                await asyncio.sleep(self.random.uniform(0, 0.6))
                await self._kill()
                await asyncio.gather(*asking)
            async with asyncio.timeout(240):
                while not OVER.issuperset(states := await self._states()):  # noqa: ASYNC110  (another process)
                    await asyncio.sleep(0.5)
            self.states = states
            assert await self._submit("task-0") == await self._submit("task-0"), "a key is one task"
        self.orchestrator.kill()

    async def _kill(self) -> None:
        """And start it again; now and then it is killed before it is ready, too."""
        await asyncio.to_thread(self.orchestrator.kill)
        self.orchestrator.start()
        if self.random.random() < 0.2:
            await asyncio.sleep(self.random.uniform(0, 0.5))
            await asyncio.to_thread(self.orchestrator.kill)
            self.orchestrator.start()

    async def _submit(self, key: str) -> str:
        """Until it is known to be taken, with the same key each time."""
        await asyncio.sleep(self.random.uniform(0, 0.3))
        body = {
            "type": "write-sticker",
            "targets": {"target": "host-a"},
            "payload": {},
            "document": f"web-{key[-1]}",
            "idempotencyKey": key,
        }
        (task,) = (await self.orchestrator.asked_until_answered("POST", "/v1/tasks", json=body))["items"]
        return str(task["id"])

    async def _states(self) -> list[str]:
        """Of all tasks that there are."""
        query = "/v1/tasks?target=host-a&limit=1000"
        return [
            str(item["state"]) for item in (await self.orchestrator.asked_until_answered("GET", query))["items"]
        ]


def _answers(port: int) -> bool:
    told = f":{port:04X} "
    return any(told in line and " 0A " in line for line in Path("/proc/net/tcp").read_text().splitlines())


def story(folder: Path, programs: WarmPrograms, *, tasks: int, at_once: int, sockets: bool) -> None:
    seed = int(os.environ.get("SEED") or Random().randrange(1 << 32))  # noqa: S311
    town = Town(folder, programs, sockets=sockets, seed=seed)
    asyncio.run(asyncio.wait_for(town.live(tasks, at_once), 1500))
    assert town.effects == {f"task-{number}": 1 for number in range(tasks)}, f"SEED={seed}"
    assert Counter(town.states) == {"succeeded": tasks}
    assert town.orchestrator.kills >= tasks / at_once
    home = str(town.orchestrator.home.path)
    assert main(["audit", "verify", "--state-dir", home]) == 0


@pytest.mark.timeout(180)
@pytest.mark.fault("N14")
@pytest.mark.parametrize("sockets", [True, False], ids=["websocket", "polling"])
def test_an_orchestrator_that_is_killed_again_and_again_loses_and_doubles_nothing(
    tmp_path: Path, programs: WarmPrograms, *, sockets: bool
) -> None:
    story(tmp_path, programs, tasks=16, at_once=8, sockets=sockets)


@pytest.mark.thorough
@pytest.mark.timeout(1600)
@pytest.mark.fault("N14")
@pytest.mark.parametrize("sockets", [True, False], ids=["websocket", "polling"])
def test_five_hundred_tasks_in_which_it_is_killed_lose_and_double_nothing(
    tmp_path: Path, programs: WarmPrograms, *, sockets: bool
) -> None:
    story(tmp_path, programs, tasks=500, at_once=20, sockets=sockets)
