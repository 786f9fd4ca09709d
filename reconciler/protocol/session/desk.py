"""TaskDesk: an agent's tasks, from their coming to the acknowledgement of their end. It sends nothing.

Every method returns events, those that keep something first: an entry is kept before its work begins, before its
point of no return is passed, and with its result before that is told. After a restart the desk is made anew from
what was kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from reconciler.errors import MessageRefused
from reconciler.protocol import inbox
from reconciler.protocol.admission import (
    CANCELLED,
    EXPIRED,
    NOT_AT_WORK,
    Admission,
    Identity,
    Standing,
    Verifier,
    admit,
    too_late,
)
from reconciler.protocol.agent_policy import AgentPolicy
from reconciler.protocol.clock import Clock
from reconciler.protocol.fence import Fence, fenced
from reconciler.protocol.held import Held
from reconciler.protocol.inbox import Entry
from reconciler.protocol.lanes import startable
from reconciler.protocol.message.common import ResultKey
from reconciler.protocol.message.result import TaskResult
from reconciler.protocol.message.session import Cancel, TaskReport
from reconciler.protocol.message.task import AgentTask
from reconciler.protocol.reading import read_item
from reconciler.protocol.session.events import (
    Begin,
    Event,
    ForgetTask,
    KeepFence,
    KeepTask,
    Refused,
    Stop,
    TakeWish,
)
from reconciler.protocol.session.work import LOST, Span, WorkReport, report_of, result_of, unreadable
from reconciler.protocol.wire.limits import DEFAULT, Limits
from reconciler.protocol.wire.times import Moment


@dataclass(frozen=True, slots=True, kw_only=True)
class DeskSettings:
    """``places``: how many tasks may be open; ``lanes`` and ``reads``: how many are worked on at once."""

    identity: Identity
    verify: Verifier
    policy: AgentPolicy = field(default_factory=AgentPolicy)
    limits: Limits = DEFAULT
    places: int = 200
    lanes: int = 4
    reads: int = 8


@dataclass(frozen=True, slots=True)
class Kept:
    """What an agent has kept of its tasks."""

    entries: tuple[Entry, ...] = ()
    fence: Fence = field(default_factory=Fence)


class TaskDesk:
    """``results`` are those to be told, by their digest. Those of tasks that were not taken are kept nowhere: such
    a task comes again with the next full set, and is decided anew.
    """

    def __init__(self, settings: DeskSettings, kept: Kept) -> None:
        self._settings = settings
        self._entries: dict[str, Entry] = {}
        self._keys: dict[str, str] = {}
        self._number = max((entry.number for entry in kept.entries), default=0)
        self.fence = kept.fence
        self._refusals: dict[str, str] = {}
        self.results: dict[str, TaskResult] = {}
        self.untold = False
        for entry in kept.entries:
            self._keep(entry)

    @property
    def entries(self) -> tuple[Entry, ...]:
        return tuple(self._entries.values())

    @property
    def free_places(self) -> int:
        return max(0, self._settings.places - self._open())

    @property
    def reports(self) -> tuple[TaskReport, ...]:
        """Of all tasks whose end is not acknowledged."""
        return tuple(item.report for item in self.entries if not item.acknowledged)

    def attempt(self, task_id: str) -> int:
        """Which assignment of the task is worked on."""
        entry = self._by_id(task_id)
        return entry.task.attempt if entry else 1

    def take(self, items: Iterable[Mapping[str, Any]], held: Held, clock: Clock, now: Moment) -> list[Event]:
        """Tasks that have come. What of them can't be read is refused by the id that it gives."""
        events: list[Event] = []
        read: list[tuple[AgentTask, Mapping[str, Any]]] = []
        for item in items:
            try:
                read.append((read_item(item, AgentTask, limits=self._settings.limits), item))
            except MessageRefused as wrong:
                events += self._unreadable(item, wrong, now)
        read.sort(key=lambda pair: (pair[0].document or "", pair[0].generation or 0))
        for task, item in read:
            events += self._judge(task, self._settings.verify(item), held=held, clock=clock, now=now)
        return events

    def cancel(self, cancels: Iterable[Cancel], now: Moment) -> list[Event]:
        """Tasks that are no longer wanted. One that has not come yet is refused when it does."""
        events: list[Event] = []
        for cancel in cancels:
            entry = self._by_id(cancel.task_id)
            if entry is None or entry.over or entry.cancel:
                continue
            asked = inbox.asked_to_cancel(entry)
            if entry.state == "accepted":
                events += self._end(asked, report_of(CANCELLED), now)
            else:
                events += [self._keep(asked), *([Stop(entry.task.id)] if asked.cancel == "noted" else [])]
        return events

    def start(self, clock: Clock, now: Moment) -> list[Event]:
        """Tasks whose turn it is now; those whose time is over end."""
        events: list[Event] = []
        server = clock.server_time(now)
        for entry in self.entries:
            if entry.state == "accepted" and server >= entry.task.expires_at:
                events += self._end(entry, report_of(EXPIRED), now)
            elif entry.forgettable(server):
                del self._entries[entry.task.idempotency_key]
                self._keys = {name: key for name, key in self._keys.items() if key != entry.task.idempotency_key}
                events.append(ForgetTask(entry.task.idempotency_key))
        for entry in startable(self.entries, lanes=self._settings.lanes, reads=self._settings.reads):
            if too_late(entry.task, clock, now) is None:
                events += self._begin(entry, now, again=False)
        return events

    def resume(self, now: Moment) -> list[Event]:
        """After a restart: work that was cut off goes on, or ends as unknown where it may not be begun twice."""
        events: list[Event] = []
        for entry in self.entries:
            if entry.state == "running":
                events += self._begin(entry, now, again=True) if entry.resumes else self._end(entry, LOST, now)
        return events

    def pass_no_return(self, task_id: str, clock: Clock, now: Moment) -> tuple[Admission | None, list[Event]]:
        """The work is at its point of no return: why it may not go on (then it ends with that), or None. What a
        task wishes for counts from the same moment.
        """
        entry = self._by_id(task_id)
        if entry is None or entry.state != "running":
            return NOT_AT_WORK, []
        taken = [TakeWish(task_id)] if fenced(entry.task) else []
        if entry.past_no_return:
            return None, [*taken]
        stop = CANCELLED if entry.cancel else too_late(entry.task, clock, now)
        return stop, [] if stop else [self._keep(inbox.passed(entry)), *taken]

    def finish(self, task_id: str, report: WorkReport, now: Moment) -> list[Event]:
        """The work has ended."""
        entry = self._by_id(task_id)
        return [] if entry is None or (entry.over and entry.state != "unknown") else self._end(entry, report, now)

    def acknowledged(self, keys: Iterable[ResultKey]) -> list[Event]:
        """The orchestrator has these results. Of a task that has a newer one, that is still to be told."""
        events: list[Event] = []
        for key in keys:
            result = self.results.pop(key.result_digest, None)
            if self._refusals.get(key.task_id) == key.result_digest:
                del self._refusals[key.task_id]
            entry = self._by_id(key.task_id)
            if entry is not None and result is not None and entry.result == result:
                events.append(self._keep(replace(entry, acknowledged=True)))
        return events

    def _judge(self, task: AgentTask, forged: str, *, held: Held, clock: Clock, now: Moment) -> list[Event]:
        known = self._entries.get(task.idempotency_key)
        standing = Standing(
            identity=self._settings.identity,
            policy=self._settings.policy,
            clock=clock,
            fence=self.fence,
            known=known,
            unwanted=task.id in held.cancels,
            open_tasks=self._open(),
            places=self._settings.places,
        )
        admission = admit(task, standing, now, forged)
        if admission.step == "accept":
            return self._accept(task)
        if known is not None and admission.step == "repeat":
            return [self._keep(inbox.asked_again(known, task))]
        if known is None or known.task.id != task.id:
            self._refuse(task, admission, now)
        return [Refused("task", task.id, admission.reason)]

    def _accept(self, task: AgentTask) -> list[Event]:
        self._number += 1
        self.results.pop(self._refusals.pop(task.id, ""), None)
        self.fence = self.fence.raised_by_task(task)
        fence = [KeepFence(task.document or "", self.fence)] if fenced(task) else []
        return [*fence, self._keep(Entry(task=task, number=self._number))]

    def _begin(self, entry: Entry, now: Moment, *, again: bool) -> list[Event]:
        kept = self._keep(inbox.began(entry, now.at))
        return [kept, Begin(kept.entry, now.ticks + entry.task.timeout_seconds, again)]

    def _end(self, entry: Entry, report: WorkReport, now: Moment) -> list[Event]:
        span = Span(entry.started_at or now.at, now.at)
        settings = self._settings
        result = result_of(entry.task, settings.identity.agent, report, span=span, limits=settings.limits)
        return [self._keep(inbox.ended(entry, result))]

    def _refuse(self, task: AgentTask, admission: Admission, now: Moment) -> None:
        settings = self._settings
        span = Span(now.at, now.at)
        self._tell(
            result_of(task, settings.identity.agent, report_of(admission), span=span, limits=settings.limits)
        )

    def _tell(self, refusal: TaskResult) -> None:
        """Of too many refusals the oldest are given up; their tasks have to come again (``untold``)."""
        self.results.pop(self._refusals.pop(refusal.task_id, ""), None)
        self._refusals[refusal.task_id] = refusal.key.result_digest
        self.results[refusal.key.result_digest] = refusal
        while len(self._refusals) > self._settings.limits.tasks:
            del self.results[self._refusals.pop(next(iter(self._refusals)))]
            self.untold = True

    def _unreadable(self, item: Mapping[str, Any], wrong: MessageRefused, now: Moment) -> list[Event]:
        """It is answered where enough of it can be read for an answer to be one."""
        result = unreadable(item, self._settings.identity.agent, wrong, now.at)
        if result is not None and result.task_id not in self._keys:
            self._tell(result)
        return [Refused("task", result.task_id if result else "", wrong.message)]

    def _keep(self, entry: Entry) -> KeepTask:
        before = self._entries.get(entry.task.idempotency_key)
        if before is not None and before.result is not None and before.result != entry.result:
            self.results.pop(before.result.key.result_digest, None)
        if entry.result is not None and not entry.acknowledged:
            self.results[entry.result.key.result_digest] = entry.result
        self._entries[entry.task.idempotency_key] = entry
        self._keys[entry.task.id] = entry.task.idempotency_key
        return KeepTask(entry)

    def _by_id(self, task_id: str) -> Entry | None:
        return self._entries.get(self._keys.get(task_id, ""))

    def _open(self) -> int:
        return sum(not item.over for item in self._entries.values())
