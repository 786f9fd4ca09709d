"""Controller: the program that keeps one host as the folder says.

Long-lived tasks: a watcher of the folder, a thread on the engine's events, a timer, a poll for operators'
changes, a look at our lock, and the workers. All but the workers only wake: they put names into the work queue,
and a worker looks for itself. Stopping finishes or takes back what is under way.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import structlog

from reconciler.controller.assess import Assessment, Assessor
from reconciler.controller.audit_watch import EVERY_S
from reconciler.controller.backoff import LONGEST_S, backoff_delay
from reconciler.controller.lookout import Lookout
from reconciler.controller.loop import Reconciler
from reconciler.controller.stop import StopRequest
from reconciler.controller.wakes import EngineWakes
from reconciler.controller.worker import Worker
from reconciler.controller.workqueue import WorkQueue
from reconciler.core import names
from reconciler.core.interfaces import Engine, EngineEvent
from reconciler.core.project import PROJECT_LABEL
from reconciler.errors import EngineUnavailable, StateLocked
from reconciler.history import History
from reconciler.sources.watch import FolderWatch

OPERATOR_POLL_S = 1.0
LOCK_POLL_S = 1.0
STOP_GRACE_S = 9.0
"""Shorter than the 10 s that Docker and most service managers give before they kill."""

AWAY = "the engine cannot be reached; nothing is changed until it is back"
BLIND = "the documents cannot be looked at"
DEAF = "operators' commands are not heard"

log = structlog.get_logger("reconciler")


@dataclass(slots=True, kw_only=True)
class Controller:
    """Runs until ``stop`` is asked for. All its parts are handed in; ``resync_s`` is seconds between looks.
    ``check_lock`` raises StateLocked when another controller may be at work here: then this one ends.
    ``check_audit`` reads the whole audit log.
    """

    assessor: Assessor
    reconciler: Reconciler
    history: History
    lookout: Lookout
    engine: Engine
    watch: FolderWatch
    stop: StopRequest
    queue: WorkQueue[str]
    resync_s: float
    workers: int
    check_lock: Callable[[], None] = lambda: None
    check_audit: Callable[[], None] = lambda: None
    _failed_looks: int = 0
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

    @property
    def event_stream_breaks(self) -> int:
        """How often the engine's events have broken off: each time, the engine may have died."""
        return self._wakes.breaks

    async def run(self) -> int:
        """Serve until stopped, then let the workers finish or take back what they are at. Raises StateLocked.

        Returns how many of them could not within ``STOP_GRACE_S`` (the next start takes their work back).
        """
        jobs = (self._timer, self._folder, self._operators, self._lock, self._audit)
        background = [asyncio.create_task(job()) for job in jobs]
        worker = self._worker()
        workers = [asyncio.create_task(worker.run()) for _ in range(self.workers)]
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

    def _worker(self) -> Worker:
        return Worker(
            assessor=self.assessor,
            reconciler=self.reconciler,
            history=self.history,
            lookout=self.lookout,
            stop=self.stop,
            queue=self.queue,
            resync_s=self.resync_s,
            look_again=self._look_again.set,
        )

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
        name = event.labels.get(names.DOCUMENT) or self._claimant(event)
        if name in self.lookout.known or name in self.assessor.catalogue.desired():
            self.queue.add(name)

    def wake(self, name: str) -> None:
        """Look at this document now: what is wished for has changed."""
        self.queue.add(name)
        self._look_again.set()

    def resync(self) -> None:
        """Look at everything soon: the event stream was away."""
        self._look_again.set()

    def _claimant(self, event: EngineEvent) -> str:
        """Whose container's name it is, or whose project it was put into by hand."""
        name, project = event.container_name, event.labels.get(PROJECT_LABEL)
        for desired in self.assessor.catalogue.desired().values():
            joined = desired.project is not None and desired.project.name == project
            if joined or (name and name in desired.container_names):
                return desired.name
        return ""

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

    async def _lock(self) -> None:
        """Who has lost its lock acts no more (``may_act``), and ends instead of looking as if it did."""
        while True:
            try:
                self.check_lock()
            except StateLocked:
                self.stop.ask()  # whoever waits for the health of something is not to wait for its end
                raise
            await asyncio.sleep(LOCK_POLL_S)

    async def _audit(self) -> None:
        """Read the audit log at the start and each day; what is found is told with the look after it."""
        while True:
            await asyncio.to_thread(self.check_audit)
            self._look_again.set()
            await asyncio.sleep(EVERY_S)

    async def _written(self) -> int | None:
        """The history's version; None while it cannot be asked."""
        try:
            version = await asyncio.to_thread(self.history.data_version)
        except Exception as error:  # noqa: BLE001  (a job that ends would end the whole program)
            self.lookout.troubles.begins(DEAF, error)
            return None
        self.lookout.troubles.ends(DEAF, told="operators' commands are heard again")
        return version

    async def _look(self) -> float:
        """Look at everything once, queue what needs work; the seconds until the next look.

        Whatever goes wrong ends this look alone.
        """
        try:
            seen = await self._see()
        except Exception as error:  # noqa: BLE001  (as above)
            self.lookout.troubles.begins(BLIND, error)
            self.lookout.board.look_failed(str(error) or type(error).__name__)
            seen = False
        if not seen:
            self._failed_looks += 1
            return min(backoff_delay(self._failed_looks, random.random()), self.resync_s)  # noqa: S311
        self._failed_looks = 0
        return self.resync_s * random.uniform(0.9, 1.1)  # noqa: S311  (jitter, not a secret)

    async def _see(self) -> bool:
        """Look and queue; False where the engine is away."""
        try:
            found = await asyncio.to_thread(self.lookout.look)
        except EngineUnavailable as error:
            self.lookout.troubles.begins(AWAY, error)
            self.lookout.board.engine_away(await asyncio.to_thread(self.assessor.unseen, str(error)), str(error))
            return False
        self.lookout.troubles.ends(AWAY, told="the engine is back")
        self.lookout.troubles.ends(BLIND, told="the documents can be looked at again")
        for item in found:
            self._queue(item)
        return True

    def _queue(self, item: Assessment) -> None:
        name = item.plan.document
        if name in self.lookout.pruning:
            self.queue.add(name)
        elif item.plan.actions or item.plan.waiting or item.situation.record.failures:
            # A clock that was set back must not put off a document for as long as it was set back by.
            delay = min(item.situation.record.retry_at - self.assessor.clock(), LONGEST_S)
            self.queue.add_after(name, delay)
