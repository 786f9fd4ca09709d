"""Messages that are altered on the way, too many or too large: real sockets, certificates, the agent's talk."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from reconciler.protocol.message.common import Actor, Message
from reconciler.protocol.message.payload import InspectPayload, RollbackPayload
from reconciler.protocol.message.task import AgentTask
from reconciler.protocol.reading import render
from reconciler.protocol.wire.limits import DEFAULT
from tests.agent import orchestrator as bad
from tests.agent.host import Host, comes
from tests.fleet.stage import HOST, run, stage

pytestmark = pytest.mark.timeout(150)

ALTERED: dict[str, Any] = {
    "timeout_seconds": 61,
    "priority": "critical",
    "attempt": 2,
    "document": "shop",
    "generation": 99,
    "payload": RollbackPayload(target_release="v0"),
    "actor": Actor("user", "mallory"),
    "idempotency_key": "another",
    "expected_release": "v0",
}


@pytest.fixture
def orchestrator() -> Iterator[bad.Orchestrator]:
    made = bad.Orchestrator().start()
    yield made
    made.close()


@pytest.fixture(params=["websocket", "polling"])
def host(tmp_path: Path, orchestrator: bad.Orchestrator, request: pytest.FixtureRequest) -> Host:
    made = Host(tmp_path, orchestrator, sockets=request.param == "websocket")
    run(made.enroll())
    return made


@pytest.mark.fault("N9")
def test_a_task_of_which_anything_was_altered_after_it_was_signed_is_refused(
    host: Host, orchestrator: bad.Orchestrator
) -> None:
    """By somebody who owns the orchestrator, and not the key that signs."""

    def hand_out(**altered: Any) -> AgentTask:
        task = replace(orchestrator.make("rollback", RollbackPayload()), **altered)
        orchestrator.hand_out(task)
        return task

    async def story() -> None:
        async with host.running():
            later = {"expires_at": orchestrator.make("inspect", InspectPayload()).expires_at + timedelta(hours=1)}
            tasks = [hand_out(**{name: value}) for name, value in {**ALTERED, **later}.items()]
            await comes(lambda: all(task.id in orchestrator.results for task in tasks), within_s=60)
            found = {orchestrator.results[task.id][0].error_type for task in tasks}
            assert found == {"signature"}
            assert not {task.id for task in tasks} & set(host.begun)

    run(story())


@pytest.mark.fault("N11")
def test_an_answer_without_end_is_not_read_to_its_end(
    host: Host, orchestrator: bad.Orchestrator, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story() -> None:
        async with host.running() as talk:
            await comes(talk.opened.is_set)
            sessions = len(orchestrator.hellos)

            def endless(message: Message) -> bytes:
                monkeypatch.setattr(bad, "render", render)
                return b'"' + b"x" * (2 * DEFAULT.message_bytes)

            monkeypatch.setattr(bad, "render", endless)
            await comes(lambda: len(orchestrator.hellos) > sessions, within_s=60)
            task = orchestrator.ask("inspect", InspectPayload())
            await comes(lambda: orchestrator.results.get(task.id))

    run(story())


@pytest.mark.thorough
@pytest.mark.timeout(400)
@pytest.mark.fault("N11")
def test_more_tasks_than_an_agent_has_room_for_are_all_done_once(tmp_path: Path) -> None:
    """The orchestrator hands out 200 at a time; the others wait there."""

    async def story() -> None:
        async with stage(tmp_path, interval_s=30) as here:
            host, number = await here.host(), 220
            for item in range(number):
                await here.submit(key=f"task-{item}", document=f"web-{item % 20}")
            async with host.running():
                query = f"/v1/tasks?target={HOST}&state=succeeded&limit=1000"
                async with asyncio.timeout(240):
                    while len((await here.ask("GET", query))[1]["items"]) < number:  # noqa: ASYNC110
                        await asyncio.sleep(1)
            assert len(set(host.begun)) == len(host.begun) == number

    asyncio.run(story())
