"""The program that stays: the controller in an event loop of its own, until it is told to stop."""

from __future__ import annotations

import asyncio
import gc
import os
import sys
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import structlog

from reconciler import __version__
from reconciler.config import Settings
from reconciler.controller.app.actors import file_actor
from reconciler.controller.app.audit import verified
from reconciler.controller.app.notifying import notifier_of
from reconciler.controller.app.opening import open_parts
from reconciler.controller.app.pages import encrypted, make_site
from reconciler.controller.app.parts import Parts
from reconciler.controller.audit_watch import AuditWatch
from reconciler.controller.beside import ALONE, Beside
from reconciler.controller.board import Board
from reconciler.controller.controller import Controller
from reconciler.controller.lookout import Lookout
from reconciler.controller.loop import Reconciler
from reconciler.controller.readings import Readings
from reconciler.controller.stop import StopRequest
from reconciler.controller.workqueue import WorkQueue
from reconciler.core.desired import DesiredState
from reconciler.service_manager import ServiceManager
from reconciler.sources.watch import FolderWatch
from reconciler.spec.problem import is_error
from reconciler.web.endpoints import make_app
from reconciler.web.live import Live
from reconciler.web.server import Server

log = structlog.get_logger("reconciler")


def serve(settings: Settings) -> None:
    """Run the controller in an event loop of its own."""
    asyncio.run(run(settings))


Neighbour = Callable[[Parts, Controller], Coroutine[Any, Any, None]]
"""What runs as long as the controller does, beside it."""


async def nobody(_parts: Parts, _controller: Controller) -> None:
    """Of a controller that is alone."""


async def run(settings: Settings, *, neighbour: Neighbour = nobody, beside: Beside = ALONE) -> None:
    """Be the controller until SIGTERM or SIGINT. Raises StateLocked, InvalidSettings (port taken)."""

    def actor(desired: DesiredState) -> str:
        return beside.actor(desired) or file_actor(desired)

    with open_parts(settings, exclusive=True, actor=actor) as parts, StopRequest() as stop:
        left = await _Station(settings=settings, parts=parts, stop=stop, beside=beside).serve(neighbour)
    if left:
        leave_now()


@dataclass(kw_only=True)
class _Station:
    """The parts of the running controller, each made when it is first asked for."""

    settings: Settings
    parts: Parts
    stop: StopRequest
    beside: Beside
    live: Live = field(default_factory=Live)

    async def serve(self, neighbour: Neighbour) -> int:
        """Until it is told to stop: how many workers were left behind that do not come back."""
        server, notifier = self._server(), notifier_of(self.settings, self.parts, self.board)
        manager = ServiceManager.of(os.environ)
        await server.start()
        gc.freeze()  # what is loaded now stays: the collector need not look through it again and again
        jobs_beside = [
            asyncio.create_task(notifier.run()),
            asyncio.create_task(neighbour(self.parts, self.controller)),
        ]
        try:
            async with manager.informed(self.board.healthy, self.board.ready, self.stop.asked):
                settings = self.settings
                log.info("the controller runs", documents=str(settings.desired), listen=settings.listen)
                left = await self.controller.run()
                log.info("the controller has stopped")
        finally:
            for task in jobs_beside:
                task.cancel()
            await asyncio.gather(*jobs_beside, return_exceptions=True)
            await server.stop()
        return left

    @cached_property
    def board(self) -> Board:
        silent_s = 60 + 3 * self.settings.resync_s
        return Board(
            self.parts.history,
            time.time,
            monotonic=time.monotonic,
            silent_s=silent_s,
            changed=self.live.announce,
        )

    @cached_property
    def queue(self) -> WorkQueue[str]:
        return WorkQueue(self.parts.meters)

    @cached_property
    def readings(self) -> Readings:
        return Readings(meters=self.parts.meters, board=self.board, listener=self.beside.passed)

    @cached_property
    def audit_watch(self) -> AuditWatch:
        return AuditWatch(audit=self.parts.audit, verify=lambda: verified(self.settings.state_dir))

    @cached_property
    def controller(self) -> Controller:
        return Controller(
            assessor=self.parts.assessor,
            reconciler=self._reconciler(),
            engine=self.parts.engine,
            history=self.parts.history,
            lookout=self._lookout(),
            watch=FolderWatch(self.settings.desired),
            stop=self.stop,
            queue=self.queue,
            resync_s=self.settings.resync_s,
            workers=self.settings.workers,
            check_lock=self.parts.state.check_lock,
            check_audit=self.audit_watch.look,
        )

    def _reconciler(self) -> Reconciler:
        return self.parts.reconciler(
            sleep=self.stop.sleep,
            linger=self.stop.linger,
            stopping=lambda: self.stop.stopping,
            readings=self.readings,
            engine_breaks=lambda: self.controller.event_stream_breaks,
            beside=replace(self.beside, recorded=self.live.announce),
        )

    def _lookout(self) -> Lookout:
        return Lookout(
            assessor=self.parts.assessor,
            board=self.board,
            policy_trouble=lambda: self.parts.policy.trouble,
            state_trouble=self.parts.recordable.trouble,
            audit_trouble=self.audit_watch.trouble,
            prune=self.settings.prune,
            prune_cap_percent=self.settings.prune_cap_percent,
        )

    def _server(self) -> Server:
        """Metrics, health and the status page. Raises InvalidSettings."""
        render = self.readings.renderer(
            __version__,
            self.queue.stats,
            lambda: self.controller.event_stream_up,
            lambda: len(invalid(self.parts)),
        )
        site = make_site(self.settings, self.parts, self.board, self.live)
        app = make_app(render, self.board.ready, self.board.healthy, site=site)
        return Server(app, self.settings.listen_address, encryption=encrypted(self.settings))


def leave_now() -> None:
    """End the process although a worker still waits for a registry or an engine that does not answer.

    Whatever it left half-done is taken back by the next start; waiting would only be ended by SIGKILL.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def invalid(parts: Parts) -> set[str]:
    """Files with errors: their documents are in their last good state, or not in force at all."""
    problems = parts.assessor.catalogue.loaded.problems
    return {problem.file for problem in problems if is_error(problem)}
