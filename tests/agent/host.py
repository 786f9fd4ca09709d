"""An agent without a controller: enrolled, connected by real sockets, doing what a test says with its tasks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol, TypeVar

from reconciler.agent.connection import Connection
from reconciler.agent.enrolment import enroll
from reconciler.agent.place import AgentPlace
from reconciler.agent.renewal import Passports
from reconciler.agent.signing import trusted, verifier
from reconciler.agent.talk import Talk
from reconciler.agent.work import Handler, Workshop
from reconciler.core.secret import Secret
from reconciler.inbox.store import InboxStore
from reconciler.protocol.admission import Identity
from reconciler.protocol.agent_policy import AgentPolicy
from reconciler.protocol.message.common import TaskType
from reconciler.protocol.session.agent import AgentSession, AgentSettings
from reconciler.protocol.session.desk import DeskSettings
from reconciler.protocol.session.events import Begin
from reconciler.protocol.session.work import WorkReport

T = TypeVar("T")
Handlers = Callable[["Host"], Mapping[TaskType, Handler]]


def run(work: Coroutine[Any, Any, T]) -> T:
    """To its end, within the time that any of these tests should take."""
    return asyncio.run(asyncio.wait_for(work, 40))


async def comes(what: Any, *, within_s: float = 20.0) -> None:
    """Wait until it is so."""
    async with asyncio.timeout(within_s):
        while not what():  # noqa: ASYNC110  (of another thread's doing)
            await asyncio.sleep(0.02)


class Orchestrator(Protocol):
    """Where a host enrolls (``desk_url``) and is heard (``url``)."""

    @property
    def url(self) -> str: ...

    @property
    def desk_url(self) -> str: ...

    def token(self) -> str: ...


class Host:
    """``begun`` are ids of tasks, as often as their work was begun; ``hold``: it is not ended. With ``handlers``
    they do the work, as in the program.
    """

    def __init__(
        self,
        folder: Path,
        orchestrator: Orchestrator,
        *,
        sockets: bool = True,
        policy: AgentPolicy | None = None,
        handlers: Handlers | None = None,
    ) -> None:
        self.place = AgentPlace(folder / "fleet")
        self.orchestrator = orchestrator
        self.sockets = sockets
        self.begun: list[str] = []
        self.stopped: list[str] = []
        self.documents = 0
        self.hold = False
        self.policy = policy or AgentPolicy()
        self.handlers = handlers

    async def enroll(self) -> None:
        orchestrator = self.orchestrator
        token = Secret(orchestrator.token().encode())
        await enroll(self.place, token, server=orchestrator.url, enroll_at=orchestrator.desk_url)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Talk]:
        """From one start to a kill."""
        enrolment = self.place.enrolment()
        self.store = InboxStore(self.place.inbox)
        self.passports = Passports(self.place, enrolment, lambda: self.talk.end("renewed"))
        workshop = Workshop(self.handlers(self) if self.handlers else {}, lambda: None)
        self.talk = workshop.talk = Talk(self.store, self._session, workshop if self.handlers else self)
        connection = Connection(enrolment, self.passports, self.talk, sockets=self.sockets)
        await self.talk.begin()
        jobs = [asyncio.create_task(job()) for job in (self.talk.keep_time, connection.keep)]
        try:
            yield self.talk
        finally:
            for job in jobs:
                job.cancel()
            ended = await asyncio.gather(*jobs, return_exceptions=True)
            await workshop.close()
            self.store.close()
            assert all(isinstance(item, asyncio.CancelledError) for item in ended), ended

    def _session(self) -> AgentSession:
        memory = self.store.memory()
        enrolment = self.place.enrolment()
        verify = verifier(trusted(enrolment.task_keys, ()))
        identity = Identity(agent=enrolment.agent)
        desk = DeskSettings(identity=identity, verify=verify, policy=replace(self.policy, signed=True))
        settings = AgentSettings(desk=desk, instance=memory.instance, agent_version="1")
        return AgentSession(settings, held=memory.held, kept=memory.kept)

    # ---- as a Desk

    def begin(self, begin: Begin) -> None:
        self.begun.append(begin.entry.task.id)
        if not self.hold:
            self.job = asyncio.create_task(self._work(begin))

    def end(self, task_id: str) -> None:
        """What was held ends well."""
        report = WorkReport(outcome="succeeded")
        self.job = asyncio.create_task(self.talk.finished(task_id, report))

    def stop(self, task_id: str) -> None:
        self.stopped.append(task_id)

    def documents_changed(self) -> None:
        self.documents += 1

    async def _work(self, begin: Begin) -> None:
        task = begin.entry.task
        await self.talk.said(task.id, "at work\n")
        stop = await self.talk.pass_no_return(task.id)
        outcome = stop.outcome if stop else "succeeded"
        await self.talk.finished(task.id, WorkReport(outcome=outcome))
