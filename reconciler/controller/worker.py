"""Worker: takes documents off the work queue, a pass over each. Whatever goes wrong ends that pass alone."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from reconciler.controller.assess import Assessor
from reconciler.controller.log_facts import facts_of
from reconciler.controller.lookout import Lookout
from reconciler.controller.loop import Pass, Reconciler
from reconciler.controller.stop import StopRequest
from reconciler.controller.workqueue import QueueClosed, WorkQueue
from reconciler.errors import EngineUnavailable, ReconcilerError, UnknownDocument
from reconciler.history import History

log = structlog.get_logger("reconciler")


@dataclass(frozen=True, slots=True, kw_only=True)
class Worker:
    """May run in as many tasks as one likes. ``look_again`` asks for a look at everything; what failed for an
    unknown reason is queued again after ``resync_s`` seconds.
    """

    assessor: Assessor
    reconciler: Reconciler
    history: History
    lookout: Lookout
    stop: StopRequest
    queue: WorkQueue[str]
    resync_s: float
    look_again: Callable[[], None]

    async def run(self) -> None:
        """Work on what the queue gives, one document after another, until it is closed."""
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
            self.look_again()
            return
        except UnknownDocument:
            # It was pruned, or its file has gone, since it was queued: the next look finds whatever is left.
            self.lookout.forget(name)
            return
        except ReconcilerError as error:
            log.warning("the pass failed", document=name, error=str(error))
            self.queue.add_after(name, self.resync_s)
            return
        except Exception:  # one document's bug must not stop the others
            log.exception("the pass ended in a bug; please report it", document=name)
            self.queue.add_after(name, self.resync_s)
            return
        verdict = done.verdict
        _tell(name, done)
        if verdict.retry_after is not None:
            self.queue.add_after(name, verdict.retry_after)
        if verdict.kind == "converged" and done.outcomes:
            self._wake_dependants(name)

    def _one_pass(self, name: str) -> Pass:
        """One pass; when a stop ended it half-way, one more that takes back what was begun. Whatever is logged
        meanwhile names the document.
        """
        with structlog.contextvars.bound_contextvars(document=name):
            return self._pass_of(name)

    def _pass_of(self, name: str) -> Pass:
        progress = _Progress(name)
        done = self.reconciler.one_pass(name, progress=progress, prune=name in self.lookout.pruning)
        if self.stop.stopping and self.history.record(name).open is not None:
            done = self.reconciler.one_pass(name, progress=progress)
        if done.outcomes:
            self.lookout.board.show(self.assessor.assess((name,)), everything=False)
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
    level(done.verdict.kind, document=name, **facts_of(done.plan, done.outcomes), reason=done.verdict.reason)


@dataclass(frozen=True, slots=True)
class _Progress:
    document: str

    def __call__(self, line: str) -> None:
        log.debug(line, document=self.document)
