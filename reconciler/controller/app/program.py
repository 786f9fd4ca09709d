"""The program that stays: the controller in an event loop of its own, until it is told to stop."""

from __future__ import annotations

import asyncio
import gc
import os
import sys
import time
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any

import structlog

from reconciler import __version__
from reconciler.config import Settings
from reconciler.controller.app.audit import verified
from reconciler.controller.app.notifying import notifier_of
from reconciler.controller.app.pages import encryption, make_site
from reconciler.controller.app.parts import Parts, open_parts
from reconciler.controller.app.service_manager import ServiceManager
from reconciler.controller.audit_watch import AuditWatch
from reconciler.controller.beside import ALONE, Beside
from reconciler.controller.board import Board
from reconciler.controller.controller import Controller
from reconciler.controller.lookout import Lookout
from reconciler.controller.readings import Readings
from reconciler.controller.stop import StopRequest
from reconciler.controller.workqueue import WorkQueue
from reconciler.core.desired import DesiredState
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
        live = Live()
        board = Board(
            parts.history,
            time.time,
            monotonic=time.monotonic,
            silent_s=60 + 3 * settings.resync_s,
            changed=live.announce,
        )
        queue: WorkQueue[str] = WorkQueue(parts.meters)
        readings = Readings(meters=parts.meters, board=board, listener=beside.passed)
        watch = AuditWatch(audit=parts.audit, verify=lambda: verified(settings.state_dir))
        controller = Controller(
            assessor=parts.assessor,
            reconciler=parts.reconciler(
                sleep=stop.sleep,
                linger=stop.linger,
                stopping=lambda: stop.stopping,
                readings=readings,
                engine_breaks=lambda: controller.event_stream_breaks,
                beside=replace(beside, recorded=live.announce),
            ),
            engine=parts.engine,
            history=parts.history,
            lookout=Lookout(
                assessor=parts.assessor,
                board=board,
                policy_trouble=lambda: parts.policy.trouble,
                state_trouble=parts.recordable.trouble,
                audit_trouble=watch.trouble,
                prune=settings.prune,
                prune_cap_percent=settings.prune_cap_percent,
            ),
            watch=FolderWatch(settings.desired),
            stop=stop,
            queue=queue,
            resync_s=settings.resync_s,
            workers=settings.workers,
            check_lock=parts.state.check_lock,
            check_audit=watch.look,
        )
        host, port = settings.listen_address
        render = readings.renderer(
            __version__, queue.stats, lambda: controller.event_stream_up, lambda: len(invalid(parts))
        )
        app = make_app(render, board.ready, board.healthy, site=make_site(settings, parts, board, live))
        server = Server(app, host, port, encryption=encryption(settings))
        manager = ServiceManager.of(os.environ)
        notifier = notifier_of(settings, parts, board)
        await server.start()
        gc.freeze()  # what is loaded now stays: the collector need not look through it again and again
        jobs_beside = [
            asyncio.create_task(manager.keep_informed(board.healthy, board.ready, stop.asked)),
            asyncio.create_task(notifier.run()),
            asyncio.create_task(neighbour(parts, controller)),
        ]
        try:
            manager.started()
            log.info("the controller runs", documents=str(settings.desired), listen=settings.listen)
            left = await controller.run()
            log.info("the controller has stopped")
        finally:
            for task in jobs_beside:
                task.cancel()
            await asyncio.gather(*jobs_beside, return_exceptions=True)
            await server.stop()
    if left:
        leave_now()


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


def file_actor(desired: DesiredState) -> str:
    """The actor in the running controller: the file that says so."""
    return f"file:{desired.source.file}" if desired.source else "file"
