"""Course: one deploy or rollback on its way, from its wish to its answer.

    try the wish out ─► the loop prepares (pulls, verifies) ─► point of no return ─► the wish is taken ─► verdict
            └──────────── refused, late, unwanted, time up: the wish is given up, and nothing has changed

The answer is made of the loop's Verdict on this document. A release that failed and was taken back stays the wish,
quarantined, as it would in a file. Where the time is up after the point of no return, the former wish is put back,
and the loop goes back to it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from reconciler.agent.documents import RemoteDocuments
from reconciler.agent.reports import report_of_pass
from reconciler.agent.work import Work, refused, too_long
from reconciler.controller.loop import Pass
from reconciler.core.status import DocumentStatus
from reconciler.errors import StateError
from reconciler.inbox.store import InboxStore
from reconciler.inbox.wish import Wish
from reconciler.protocol.admission import CANCELLED, Admission
from reconciler.protocol.session.work import WorkReport, report_of

LOOK_S: Final = 1.0
BACK_S: Final = 300.0
"""How long the way back may take before the answer is that nobody knows."""


@dataclass(frozen=True, slots=True)
class LoopSide:
    """The controller's loop: ``look`` at a document as it is now; ``queue`` one, to be looked at soon."""

    look: Callable[[str], DocumentStatus]
    queue: Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """What wishes are told to. ``fetch`` has missing files brought here."""

    store: InboxStore
    documents: RemoteDocuments
    loop: LoopSide
    fetch: Callable[[], None]


class Course:
    """Used in one event loop. ``fingerprint``: of the document that is wished for, "" until it is in force;
    ``taken``: its wish counts, its point of no return is passed; ``passes``: what the loop has told.
    """

    def __init__(self, host: Host, work: Work, wish: Wish) -> None:
        former = host.store.wishes(trials=False).get(wish.document)
        self._host = host
        self._work = work
        self._wish = wish
        self.fingerprint = ""
        self.taken = former is not None and former.task == work.task.id
        self.passes: asyncio.Queue[Pass] = asyncio.Queue()
        self._former = None if self.taken else former
        self._stopped: Admission | None = None

    async def try_out(self) -> None:
        """Have the wish on trial, unless it was taken before the agent's last end."""
        if not self.taken:
            await asyncio.to_thread(self._try_out)

    async def give_up(self) -> None:
        """Have the wish gone, unless it was taken; and no way back any more."""
        await asyncio.shield(asyncio.to_thread(self._give_up))

    async def settled(self) -> WorkReport:
        """The answer. Where it is one without effect, the wish is to be given up afterwards."""
        waiting = await self._shown()
        if waiting is not None:
            return waiting
        self._queue()
        while True:
            early = self._ended_early()
            if early is not None:
                return early
            if self._work.left == 0:
                return await self._time_is_up()
            done = await self._next(min(LOOK_S, self._work.left))
            if done is None:
                continue
            await _tell(self._work, done)
            report = report_of_pass(done, self.fingerprint, taken=self.taken)
            if report is not None and (report.outcome != "succeeded" or await self._stays()):
                return report

    async def pass_no_return(self) -> bool:
        """Whether the wish is taken. The session keeps that before anything is begun."""
        try:
            stop = await self._work.talk.pass_no_return(self._work.task.id)
        except StateError:
            return False  # told where it was to be kept; the loop asks again
        if stop is not None and stop.retriable:
            asyncio.get_running_loop().call_later(LOOK_S, self._queue)
            return False  # the server's time is not known yet: waited for, as before a task begins
        self._stopped = stop
        self.taken = stop is None
        return self.taken

    # ---- within

    def _queue(self) -> None:
        self._host.loop.queue(self._wish.document)

    async def _next(self, seconds: float) -> Pass | None:
        try:
            return await asyncio.wait_for(self.passes.get(), seconds)
        except TimeoutError:
            return None

    async def _stays(self) -> bool:
        """Whether the wish is taken, also where there was nothing to begin for it: the loop would go back to the
        former one, if this one was given up.
        """
        if self.taken or await self.pass_no_return():
            return True
        self._queue()
        return False

    async def _shown(self) -> WorkReport | None:
        """Have the wish in force, with its files; or why that cannot be."""
        documents, name = self._host.documents, self._wish.document
        while True:
            missing = await asyncio.to_thread(documents.show)
            if documents.wanted_by(name) == self._wish:
                break
            early = self._ended_early()
            if early is not None:
                return early
            if self._work.left == 0:
                return too_long(self._work.task)
            if missing:
                self._host.fetch()
            await asyncio.sleep(min(LOOK_S, self._work.left))
        refusal = await asyncio.to_thread(documents.refusal, name)
        desired = documents.desired(name)
        if refusal or desired is None:
            return refused("invalid-document", refusal or "it is for another target than this host")
        self.fingerprint = desired.fingerprint
        return None

    def _ended_early(self) -> WorkReport | None:
        if self.taken:
            return None
        if self._stopped is not None:
            return report_of(self._stopped)
        return report_of(CANCELLED) if self._work.unwanted.is_set() else None

    async def _time_is_up(self) -> WorkReport:
        """Before the point of no return nothing has changed; after it the loop goes back, or says how it ends."""
        late = too_long(self._work.task)
        if not self.taken:
            return late
        if self._former is not None:
            await self._put_back(self._former)
        report = await self._last_word()
        if report is None:
            told = "its time was up in the midst of it, and how it ended is not known; have it inspected"
            return replace(late, outcome="unknown", error=told)
        if self._former is not None and report.outcome == "succeeded":
            told = f"{late.error}; the release before it runs again"
            return replace(report, outcome="rolled-back", error=told, error_type="timeout", retriable=True)
        return report

    async def _put_back(self, former: Wish) -> None:
        documents, name = self._host.documents, self._wish.document
        await asyncio.to_thread(self._host.store.put_back, former, document=name)
        await asyncio.to_thread(documents.show)
        back = documents.desired(name)
        self.fingerprint = back.fingerprint if back else ""
        self._queue()

    async def _last_word(self) -> WorkReport | None:
        loop = asyncio.get_running_loop()
        until = loop.time() + BACK_S
        while (left := until - loop.time()) > 0:
            done = await self._next(left)
            report = done and report_of_pass(done, self.fingerprint, taken=True)
            if report:
                return report
        return None

    def _try_out(self) -> None:
        if self._former is not None:
            self._host.documents.hold(self._former)
        self._host.store.try_out(self._wish)

    def _give_up(self) -> None:
        self._host.documents.let_go(self._wish.document)
        if not self.taken and self._host.store.give_up(self._work.task.id):
            self._host.documents.show()


async def _tell(work: Work, done: Pass) -> None:
    for outcome in done.outcomes:
        detail = f": {outcome.error or outcome.detail}" if outcome.error or outcome.detail else ""
        await work.say(f"{outcome.action.kind} {outcome.action.target}: {outcome.kind}{detail}")
    reason = f": {done.verdict.reason}" if done.verdict.reason else ""
    await work.say(f"verdict: {done.verdict.kind}{reason}")
