"""Talk: the agent's session, carried out: kept first, then begun, then sent; over links that come and go.

The session decides; this waits, keeps and sends, each step after the one before. Where something can't be kept,
nothing that rests on it is begun or sent: the session is made anew from what is kept, and the link is given up.

Time goes on without a link: tasks that were taken begin, expire and end while nobody listens.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Final, Protocol

import structlog

from reconciler.agent.links import Link
from reconciler.agent.together import Asked, Together
from reconciler.controller.troubles import Troubles
from reconciler.errors import StateError
from reconciler.inbox.store import InboxStore
from reconciler.protocol.admission import Admission
from reconciler.protocol.message.common import Message
from reconciler.protocol.message.session import DocumentReport
from reconciler.protocol.session.agent import AgentSession
from reconciler.protocol.session.events import (
    Begin,
    Closed,
    DropDocument,
    Event,
    KeepDocument,
    Opened,
    Refused,
    Step,
    Stop,
)
from reconciler.protocol.session.work import WorkReport
from reconciler.protocol.wire.times import Moment

UNKEPT: Final = "what the orchestrator asks for cannot be kept, so none of it is begun or answered"
LONGEST_NAP_S: Final = 1.0

log = structlog.get_logger("reconciler")


def moment() -> Moment:
    """Now, by both clocks."""
    return Moment(datetime.now(UTC), time.monotonic())


class Desk(Protocol):
    """Who does the work."""

    def begin(self, begin: Begin) -> None:
        """Begin a task; one that is at work already is not begun twice."""

    def stop(self, task_id: str) -> None:
        """End a task's work, if it is not past its point of no return."""

    def documents_changed(self) -> None:
        """Other documents are wished for."""


class Talk:
    """Used in one event loop. ``make`` gives a session with all that is kept."""

    def __init__(self, store: InboxStore, make: Callable[[], AgentSession], desk: Desk) -> None:
        self._store = store
        self._make = make
        self._desk = desk
        self._together = Together(store, follow=self._kept, lost=self._not_kept)
        self._link = 0
        self._session: AgentSession | None = None
        self._out: deque[Message] = deque()
        self._more = asyncio.Event()
        self._ended = asyncio.Event()
        self._wake = 0.0
        self._told = False
        self._troubles = Troubles()
        self.opened = asyncio.Event()
        """Set while a session is open, and after the last one until another link is tried."""
        self.why = ""
        """Why the last link ended."""

    # ---- the work's side

    async def begin(self) -> None:
        """Once, before all else: what was cut off by the last end goes on."""
        await self._do(lambda session: session.restarted(moment()))

    async def pass_no_return(self, task_id: str) -> Admission | None:
        """Whether the work may go past its point of no return (None), or why not. Raises StateError."""
        found: list[Admission | None] = []

        def ask(session: AgentSession) -> Step:
            stop, step = session.pass_no_return(task_id, moment())
            found.append(stop)
            return step

        await self._do(ask)
        return found[0]

    async def said(self, task_id: str, text: str) -> None:
        """The work says something."""
        await self._do(lambda session: session.said(task_id, text, moment()))

    async def finished(self, task_id: str, report: WorkReport) -> None:
        """The work has ended."""
        await self._do(lambda session: session.finished(task_id, report, moment()))

    async def observed(self, reports: Iterable[DocumentReport]) -> None:
        """What became of documents."""
        self._current().observed(reports, moment())

    async def close(self) -> None:
        """The program ends: keep what has waited for others to be kept with. Raises StateError."""
        await self._together.close()

    async def keep_time(self) -> None:
        """For ever: time passes also without a link."""
        while True:
            await asyncio.sleep(self._nap())
            with suppress(StateError):  # told already, and tried again
                await self._do(lambda session: session.tick(moment()))

    # ---- the link's side

    def delay(self) -> float:
        """Seconds until the next link is to be tried."""
        return self._current().reconnect.delay(random.random())  # noqa: S311  (jitter, not a secret)

    def end(self, why: str) -> None:
        """Give up the link that is open, if there is one."""
        self.why = why
        self._ended.set()

    async def over(self, link: Link) -> None:
        """A session, or the try to begin one, until the link is lost. Raises what the link raises."""
        self._link += 1
        self._out.clear()
        self._ended.clear()
        self.opened.clear()
        self._told = False
        jobs: list[asyncio.Task[None]] = []
        try:
            await self._do(lambda session: session.opened(moment()))
            jobs = [asyncio.create_task(job) for job in (self._send(link), self._hear(link), self._over())]
            done, _ = await asyncio.wait(jobs, return_when=asyncio.FIRST_COMPLETED)
            for job in done:
                job.result()
        finally:
            for job in jobs:
                job.cancel()
            await asyncio.gather(*jobs, return_exceptions=True)
            with suppress(StateError):  # told already
                await self._do(lambda _: Step())  # after all that came over the link
            if not self._told:
                self._current().closed()

    async def failed(self) -> None:
        """No link came about."""
        self._current().closed()

    # ---- within

    async def _over(self) -> None:
        await self._ended.wait()

    async def _send(self, link: Link) -> None:
        while True:
            while self._out:
                message = self._out.popleft()
                await link.send(message)
                if self._session is not None:
                    self._session.took(message, moment())
            self._more.clear()
            await self._more.wait()

    async def _hear(self, link: Link) -> None:
        while True:
            message = await link.receive()
            await self._do(lambda session, found=message: session.receive(found, moment()))  # type: ignore[misc]

    async def _do(self, call: Callable[[AgentSession], Step]) -> None:
        await self._together.carry_out(Asked(call(self._current()), self._link))

    def _kept(self, asked: Asked) -> None:
        """What was to be kept of a step is kept: now the rest. What was for a link that is gone is left out."""
        self._troubles.ends(UNKEPT, told="what the orchestrator asks for is kept again")
        step, here = asked.step, asked.link == self._link
        self._wake = step.wake or 0.0
        for event in step.events:
            if here or not isinstance(event, Opened | Closed):
                self._follow(event)
        if step.messages and here:
            self._out.extend(step.messages)
            self._more.set()

    def _not_kept(self, error: StateError) -> None:
        self._troubles.begins(UNKEPT, error)
        self._session = None
        self.end(UNKEPT)

    def _follow(self, event: Event) -> None:
        match event:
            case Begin():
                self._desk.begin(event)
            case Stop():
                self._desk.stop(event.task_id)
            case KeepDocument() | DropDocument():
                self._desk.documents_changed()
            case Refused():
                log.warning("the orchestrator is refused", what=event.what, name=event.name, reason=event.reason)
            case Opened():
                self.opened.set()
            case Closed():
                self._told = True
                self.end(f"{event.reason}: {event.message}")
            case _:
                pass

    def _current(self) -> AgentSession:
        if self._session is None:
            self._session = self._make()
        return self._session

    def _nap(self) -> float:
        return min(LONGEST_NAP_S, max(0.05, self._wake - time.monotonic()))
