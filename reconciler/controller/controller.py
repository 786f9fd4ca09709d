"""Controller: the program that keeps one host as the folder says.

Long-lived tasks: a watcher of the folder, a thread on the engine's events, a timer, a poll for operators'
changes, and the workers. All but the workers only wake: they put names into the work queue, and a worker looks
for itself. Stopping finishes or takes back what is under way.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import structlog

from reconciler.controller.assess import Assessment, Assessor
from reconciler.controller.backoff import LONGEST_S, backoff_delay
from reconciler.controller.board import Board
from reconciler.controller.loop import Pass, Reconciler
from reconciler.controller.stop import StopRequest
from reconciler.controller.troubles import Troubles
from reconciler.controller.wakes import EngineWakes
from reconciler.controller.workqueue import QueueClosed, WorkQueue
from reconciler.core import names
from reconciler.core.interfaces import Engine, EngineEvent
from reconciler.core.pruning import over_the_cap
from reconciler.errors import EngineUnavailable, ReconcilerError, UnknownDocument
from reconciler.history import History
from reconciler.sources.watch import FolderWatch
from reconciler.spec.problem import Problem

OPERATOR_POLL_S = 1.0
STOP_GRACE_S = 9.0
"""Shorter than the 10 s that Docker and most service managers give before they kill."""

AWAY = "the engine cannot be reached; nothing is changed until it is back"
BLIND = "the documents cannot be looked at"
DEAF = "operators' commands are not heard"
FORGETFUL = "the last good documents cannot be kept for a restart"
TIMELESS = "since when a document differs cannot be kept for a restart"

log = structlog.get_logger("reconciler")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How often and how many: seconds between looks at everything, workers, and whether pruning is allowed."""

    resync_s: float
    workers: int
    prune: bool
    prune_cap_percent: int


@dataclass(slots=True, kw_only=True)
class Controller:
    """Runs until ``stop`` is asked for. All its parts are handed in."""

    assessor: Assessor
    reconciler: Reconciler
    history: History
    board: Board
    engine: Engine
    watch: FolderWatch
    stop: StopRequest
    pace: Pace
    queue: WorkQueue[str]
    _pruning: set[str] = field(default_factory=set)
    _failed_looks: int = 0
    _problems: set[str] = field(default_factory=set)
    _known: frozenset[str] = frozenset()
    _troubles: Troubles = field(default_factory=Troubles)
    _look_again: asyncio.Event = field(default_factory=asyncio.Event)
    _wakes: EngineWakes = field(init=False)

    def __post_init__(self) -> None:
        self._wakes = EngineWakes(
            self.engine, on_event=self.on_event, on_connect=self.resync, chance=random.random
        )

    @property
    def event_stream_up(self) -> bool:
        """Whether the engine's events are heard now."""
        return self._wakes.up

    async def run(self) -> int:
        """Serve until stopped, then let the workers finish or take back what they are at.

        Returns how many of them could not within ``STOP_GRACE_S`` (the next start takes their work back).
        """
        background = [asyncio.create_task(job()) for job in (self._timer, self._folder, self._operators)]
        workers = [asyncio.create_task(self._worker()) for _ in range(self.pace.workers)]
        self._wakes.start()
        asked = asyncio.create_task(self.stop.asked.wait())
        everything: list[asyncio.Task[Any]] = [asked, *background, *workers]
        done, _ = await asyncio.wait(everything, return_when=asyncio.FIRST_COMPLETED)
        self.queue.close()
        for task in (asked, *background):
            task.cancel()
        await asyncio.gather(asked, *background, return_exceptions=True)
        left = await self._finish(workers)
        await asyncio.to_thread(self._wakes.close)
        for task in done - {asked}:
            task.result()
        return left

    async def _finish(self, workers: list[asyncio.Task[None]]) -> int:
        """Wait for the workers, for the grace at most, less if we are to stop at once."""
        at_once = asyncio.create_task(self.stop.at_once.wait())
        everyone: asyncio.Future[Any] = asyncio.gather(*workers, return_exceptions=True)
        hopes: list[asyncio.Future[Any]] = [at_once, everyone]
        await asyncio.wait(hopes, timeout=STOP_GRACE_S, return_when=asyncio.FIRST_COMPLETED)
        at_once.cancel()
        left = sum(not worker.done() for worker in workers)
        if left:
            log.warning("left work to the next start", workers=left)
        return left

    def on_event(self, event: EngineEvent) -> None:
        """An engine event: a hint to look at its container, and at the document it belongs to, if there is one.

        A label alone is no document: it may be another host's, or what a pruned one has left.
        """
        self.assessor.observer.touch(event.container_id)
        name = event.labels.get(names.DOCUMENT) or self._claimant(event.container_name)
        if name in self._known or name in self.assessor.catalogue.desired():
            self.queue.add(name)

    def resync(self) -> None:
        """Look at everything soon: the event stream was away."""
        self._look_again.set()

    def _claimant(self, container_name: str) -> str:
        desired = self.assessor.catalogue.desired().values()
        return next((item.name for item in desired if item.container_name == container_name), "")

    async def _timer(self) -> None:
        while True:
            self._look_again.clear()  # before looking: a wake during the look is for the next one
            delay = await self._look()
            with suppress(TimeoutError):
                async with asyncio.timeout(delay):  # wait_for would lose a cancellation that comes with the wake
                    await self._look_again.wait()

    async def _folder(self) -> None:
        async for _ in self.watch.changes():
            self._look_again.set()

    async def _operators(self) -> None:
        """Wake for what an operator's command wrote beside us (suspend, resume, clear)."""
        seen = await self._written()
        while True:
            await asyncio.sleep(OPERATOR_POLL_S)
            version = await self._written()
            if version is not None and version != seen:
                seen = version
                self._look_again.set()

    async def _written(self) -> int | None:
        """The history's version; None while it cannot be asked."""
        try:
            version = await asyncio.to_thread(self.history.data_version)
        except Exception as error:  # noqa: BLE001  (a job that ends would end the whole program)
            self._troubles.begins(DEAF, error)
            return None
        self._troubles.ends(DEAF, told="operators' commands are heard again")
        return version

    async def _look(self) -> float:
        """Look at everything once, queue what needs work; the seconds until the next look.

        Whatever goes wrong ends this look alone.
        """
        try:
            seen = await self._see()
        except Exception as error:  # noqa: BLE001  (as above)
            self._troubles.begins(BLIND, error)
            self.board.look_failed(str(error) or type(error).__name__)
            seen = False
        if not seen:
            self._failed_looks += 1
            return min(backoff_delay(self._failed_looks, random.random()), self.pace.resync_s)  # noqa: S311
        self._failed_looks = 0
        return self.pace.resync_s * random.uniform(0.9, 1.1)  # noqa: S311  (jitter, not a secret)

    async def _see(self) -> bool:
        """Look and queue; False where the engine is away."""
        try:
            found = await asyncio.to_thread(self._assess_all)
        except EngineUnavailable as error:
            self._troubles.begins(AWAY, error)
            self.board.engine_away(await asyncio.to_thread(self.assessor.unseen, str(error)), str(error))
            return False
        self._troubles.ends(AWAY, told="the engine is back")
        self._troubles.ends(BLIND, told="the documents can be looked at again")
        self._known = frozenset(item.plan.document for item in found)
        for item in found:
            self._queue(item)
        return True

    def _assess_all(self) -> tuple[Assessment, ...]:
        self._tell_problems(self.assessor.catalogue.reload().problems)
        found = self.assessor.assess()
        self.board.show(found, everything=True)
        self._troubles.stands(
            FORGETFUL, self.assessor.catalogue.trouble, told="the last good documents are kept again"
        )
        self._troubles.stands(TIMELESS, self.board.trouble, told="since when a document differs is kept again")
        self._allow_pruning()
        return found

    def _tell_problems(self, problems: Sequence[Problem]) -> None:
        """One line for each problem of the folder when it appears, one when there is none left."""
        now = {str(problem) for problem in problems}
        for problem in sorted(now - self._problems):
            log.warning("a file is not in force as it is written", problem=problem)
        if self._problems and not now:
            log.info("all files are good again")
        self._problems = now

    def _allow_pruning(self) -> None:
        if not self.pace.prune:
            return
        removals = [item.plan.document for item in self.assessor.prunable()]
        documents = len(self.assessor.catalogue.desired())
        refusal = over_the_cap(removals, documents, cap_percent=self.pace.prune_cap_percent)
        if refusal:
            log.warning("pruning waits", reason=refusal)
        self._pruning = set() if refusal else set(removals)

    def _queue(self, item: Assessment) -> None:
        name = item.plan.document
        if name in self._pruning:
            self.queue.add(name)
        elif item.plan.actions or item.plan.waiting or item.situation.record.failures:
            # A clock that was set back must not put off a document for as long as it was set back by.
            delay = min(item.situation.record.retry_at - self.assessor.clock(), LONGEST_S)
            self.queue.add_after(name, delay)

    async def _worker(self) -> None:
        while True:
            try:
                name = await self.queue.get()
            except QueueClosed:
                return
            try:
                await self._work(name)
            finally:
                self.queue.done(name)

    async def _work(self, name: str) -> None:
        try:
            done = await asyncio.to_thread(self._one_pass, name)
        except EngineUnavailable:
            self._look_again.set()
            return
        except UnknownDocument:
            # It was pruned, or its file has gone, since it was queued: the next look finds whatever is left.
            self._known -= {name}
            return
        except ReconcilerError as error:
            log.warning("the pass failed", document=name, error=str(error))
            self.queue.add_after(name, self.pace.resync_s)
            return
        except Exception:  # one document's bug must not stop the others
            log.exception("the pass ended in a bug; please report it", document=name)
            self.queue.add_after(name, self.pace.resync_s)
            return
        verdict = done.verdict
        _tell(name, done)
        if verdict.retry_after is not None:
            self.queue.add_after(name, verdict.retry_after)
        if verdict.kind == "converged" and done.outcomes:
            self._wake_dependants(name)

    def _one_pass(self, name: str) -> Pass:
        """One pass; when a stop ended it half-way, one more that takes back what was begun."""
        progress = _Progress(name)
        done = self.reconciler.one_pass(name, progress=progress, prune=name in self._pruning)
        if self.stop.stopping and self.history.record(name).open is not None:
            done = self.reconciler.one_pass(name, progress=progress)
        if done.outcomes:
            self.board.show(self.assessor.assess((name,)), everything=False)
        return done

    def _wake_dependants(self, name: str) -> None:
        for desired in self.assessor.catalogue.desired().values():
            if any(item.name == name for item in desired.depends_on):
                self.queue.add(desired.name)


def _tell(name: str, done: Pass) -> None:
    """One line for a pass that did something; none for a quiet one."""
    if not done.outcomes:
        return
    level = log.warning if done.verdict.kind in {"rolled-back", "failed"} else log.info
    level(done.verdict.kind, document=name, purpose=done.plan.purpose, reason=done.verdict.reason)


@dataclass(frozen=True, slots=True)
class _Progress:
    document: str

    def __call__(self, line: str) -> None:
        log.debug(line, document=self.document)
