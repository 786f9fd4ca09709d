"""Work: one task that was begun; Workshop: all of it. Decides how work ends that raises, takes too long or is not
wanted any more; what is to be done is the handlers'.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

import structlog

from reconciler.agent.talk import Talk
from reconciler.core.audit import NOTHING, Account, Actor, Standing
from reconciler.errors import InputError, ReconcilerError, StateError, TemporaryError
from reconciler.protocol.admission import CANCELLED, unexpected
from reconciler.protocol.message.common import TaskType
from reconciler.protocol.message.task import FENCED, AgentTask
from reconciler.protocol.session.events import Begin
from reconciler.protocol.session.work import WorkReport, report_of

TIMEOUT: Final = "timeout"
AGAIN_S: Final = 1.0
T = TypeVar("T")
log = structlog.get_logger("reconciler")


@dataclass(slots=True, kw_only=True)
class Work:
    """``deadline`` in ticks; ``again``: it was cut off by the end of the agent. ``unwanted`` is set when nobody
    wants it any more, before its point of no return.
    """

    task: AgentTask
    deadline: float
    again: bool
    talk: Talk
    unwanted: asyncio.Event = field(default_factory=asyncio.Event)
    lines: list[str] = field(default_factory=list)

    @property
    def left(self) -> float:
        """Seconds until the deadline, 0 when it has passed."""
        return max(0.0, self.deadline - time.monotonic())

    async def pass_no_return(self) -> None:
        """From here on there will be an effect; the session has kept that. Raises Ended where it is not to be.

        Just started, the agent does not know the server's time yet: that is waited for, as before a task begins.
        """
        while (stop := await self.talk.pass_no_return(self.task.id)) is not None:
            if not stop.retriable or self.left == 0:
                raise Ended(report_of(stop))
            await asyncio.sleep(min(AGAIN_S, self.left))

    async def say(self, line: str) -> None:
        """A line for the task's log."""
        self.lines.append(line)
        await self.talk.said(self.task.id, f"{line}\n")

    @property
    def said(self) -> str:
        """All that was said."""
        return "".join(f"{line}\n" for line in self.lines)


Handler = Callable[[Work], Awaitable[WorkReport]]


def refused(error_type: str, reason: str, *, retriable: bool = False) -> WorkReport:
    """A task that is not carried out, and nothing was done for it."""
    return WorkReport(outcome="refused", error=reason, error_type=error_type, retriable=retriable)


def failed(error: ReconcilerError) -> WorkReport:
    """Work that an error has ended. What was asked for wrongly is refused."""
    kind = re.sub(r"(?<=[a-z])(?=[A-Z])", "-", type(error).__name__).lower()
    return WorkReport(
        outcome="refused" if isinstance(error, InputError) else "failed",
        error=str(error),
        error_type=kind,
        retriable=isinstance(error, TemporaryError),
    )


def too_long(task: AgentTask) -> WorkReport:
    """Work that was ended because its time was up; nothing was changed."""
    told = f"it was not done within {task.timeout_seconds} s"
    return WorkReport(outcome="failed", error=told, error_type=TIMEOUT, retriable=True)


class Ended(Exception):
    """Work that does not go on; ``report`` is what is answered."""

    def __init__(self, report: WorkReport) -> None:
        super().__init__(report.error)
        self.report = report


async def in_time(work: Work, doing: Awaitable[T]) -> T:
    """What comes of it; for what can be ended at any moment without harm. Raises Ended when the work's time is up,
    or nobody wants it.
    """
    job = asyncio.ensure_future(doing)
    unwanted = asyncio.create_task(work.unwanted.wait())
    try:
        await asyncio.wait({job, unwanted}, timeout=work.left, return_when=asyncio.FIRST_COMPLETED)
        if job.done():
            return job.result()
        raise Ended(report_of(CANCELLED) if work.unwanted.is_set() else too_long(work.task))
    finally:
        for one in (job, unwanted):
            one.cancel()
        await asyncio.gather(job, unwanted, return_exceptions=True)


def within_its_time(handler: Handler) -> Handler:
    """For work all of which can be ended at any moment without harm."""

    async def bounded(work: Work) -> WorkReport:
        return await in_time(work, handler(work))

    return bounded


def expect(task: AgentTask, running_release: str) -> None:
    """Raises Ended where something else runs than the task wants to find."""
    wrong = unexpected(task, running_release)
    if wrong is not None:
        raise Ended(report_of(wrong))


def account_of(task: AgentTask, *, after: Standing = NOTHING) -> Account:
    """On whose account a task is carried out, for the audit log."""
    return Account(actor=Actor("agent", task.actor.id), task=task.id, after=after)


NO_CREDENTIALS: Final = refused("credentials", "it brings credentials, and only deploy and rollback use some")


class Workshop:
    """Used in one event loop. ``talk`` is set before anything begins."""

    talk: Talk

    def __init__(self, handlers: Mapping[TaskType, Handler], documents_changed: Callable[[], None]) -> None:
        self._handlers = handlers
        self._documents_changed = documents_changed
        self._jobs: dict[str, asyncio.Task[Any]] = {}
        self._works: dict[str, Work] = {}

    def begin(self, begin: Begin) -> None:
        """As a Desk."""
        task = begin.entry.task
        if task.id not in self._jobs:
            work = Work(task=task, deadline=begin.deadline, again=begin.again, talk=self.talk)
            self._works[task.id] = work
            self._jobs[task.id] = asyncio.create_task(self._carry_out(work))

    def stop(self, task_id: str) -> None:
        """As a Desk."""
        if task_id in self._works:
            self._works[task_id].unwanted.set()

    def documents_changed(self) -> None:
        """As a Desk."""
        self._documents_changed()

    async def close(self) -> None:
        """The program ends: what is at work goes on after the next start."""
        for job in self._jobs.values():
            job.cancel()
        await asyncio.gather(*self._jobs.values(), return_exceptions=True)

    async def _carry_out(self, work: Work) -> None:
        task = work.task
        log.info("a task was begun", task=task.id, type=task.type, document=task.document, actor=task.actor.id)
        try:
            strange = task.credentials is not None and task.type not in FENCED
            report = NO_CREDENTIALS if strange else await self._handlers[task.type](work)
        except Ended as ended:
            report = ended.report
        except ReconcilerError as error:
            report = failed(error)
        except Exception as error:
            log.exception("a task ended in a bug; please report it", task=task.id)
            told = f"a bug of the agent, which its log tells: {type(error).__name__}"
            report = WorkReport(outcome="unknown", error=told, error_type="bug")
        log.info("a task has ended", task=task.id, outcome=report.outcome, error=report.error)
        await self._tell(work, report)
        del self._jobs[task.id], self._works[task.id]

    async def _tell(self, work: Work, report: WorkReport) -> None:
        """Until the end can be kept."""
        while True:
            try:
                await self.talk.finished(work.task.id, report)
            except StateError:
                await asyncio.sleep(AGAIN_S)
            else:
                return
