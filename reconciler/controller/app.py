"""Composition root of the controller: makes the parts from the settings and hands them to each other.

Decides nothing; the only file of this room that knows the settings. Two ways in: ``open_service`` for one
command, ``run`` for the program that stays.
"""

from __future__ import annotations

import asyncio
import getpass
import os
import random
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import structlog

from reconciler import __version__
from reconciler.compose.client import DockerCompose
from reconciler.config import Settings
from reconciler.controller.assess import Assessor
from reconciler.controller.board import Board
from reconciler.controller.catalogue import Catalogue
from reconciler.controller.conclude import Conclusion
from reconciler.controller.controller import Controller
from reconciler.controller.fail_points import fail_points
from reconciler.controller.lookout import Lookout
from reconciler.controller.loop import Reconciler
from reconciler.controller.perform import Performer
from reconciler.controller.permitted_stickers import PermittedStickers
from reconciler.controller.readings import Readings
from reconciler.controller.service import Service
from reconciler.controller.stop import StopFlag, StopRequest
from reconciler.controller.workqueue import WorkQueue
from reconciler.core.desired import DesiredState
from reconciler.deployments import DeploymentStore
from reconciler.engine.client import DockerEngine
from reconciler.engine.observe import Observer
from reconciler.executors.compose import ComposeExecutor
from reconciler.executors.docker import DockerExecutor
from reconciler.executors.record import RecordExecutor
from reconciler.history import History
from reconciler.metrics import Meters
from reconciler.policy_file import PolicyFile, policy_of_host
from reconciler.sources.files import FolderSource
from reconciler.sources.watch import FolderWatch
from reconciler.spec.build import build
from reconciler.spec.problem import is_error
from reconciler.state_dir import StateDir
from reconciler.sticker_store import StickerStore

STICKER_KEY = "sticker.key"

log = structlog.get_logger("reconciler")


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What both ways in share."""

    settings: Settings
    state: StateDir
    history: History
    engine: DockerEngine
    compose: DockerCompose
    deployments: DeploymentStore
    stickers: PermittedStickers
    assessor: Assessor
    policy: PolicyFile
    meters: Meters
    actor: Callable[[DesiredState], str]

    def record_executor(self) -> RecordExecutor:
        return RecordExecutor(self.history, self.stickers, key=self.assessor.key, actor=self._actor_of)

    def _actor_of(self, name: str) -> str:
        desired = self.assessor.catalogue.desired().get(name)
        return self.actor(desired) if desired else local_user()

    def reconciler(
        self,
        *,
        sleep: Callable[[float], None],
        linger: Callable[[float], None],
        stopping: Callable[[], bool],
        readings: Readings,
        engine_breaks: Callable[[], int] = lambda: 0,
    ) -> Reconciler:
        """The pass over single documents. ``sleep`` may raise Interrupted, ``linger`` does it later.
        ``engine_breaks`` counts how often the engine may have died (0 where nobody listens to its events).
        """
        docker = DockerExecutor(
            self.engine,
            self.history,
            clock=time.monotonic,
            sleep=sleep,
            linger=linger,
            pull_deadline_s=self.settings.pull_deadline_s,
            engine_breaks=engine_breaks,
        )
        compose = ComposeExecutor(
            self.engine,
            self.history,
            compose=self.compose,
            deployments=self.deployments,
            clock=time.monotonic,
            sleep=sleep,
            engine_breaks=engine_breaks,
        )
        performer = Performer(
            (docker, compose, self.record_executor()),
            record_event=self.history.add_event,
            meters=self.meters,
            fail_points=fail_points(os.environ),
        )
        return Reconciler(
            assessor=self.assessor,
            performer=performer,
            conclusion=Conclusion(journal=self.history, clock=time.time, chance=random.random),
            actor=self.actor,
            may_act=self.state.still_locked,
            stopping=stopping,
            assessed=readings.assessed,
            passed=readings.passed,
        )


@contextmanager
def open_parts(settings: Settings, *, exclusive: bool, actor: Callable[[DesiredState], str]) -> Iterator[Parts]:
    """Open the state directory, the history and the way to the engine; read the folder.

    ``exclusive`` takes the lock of the state directory first. Raises StateLocked and other StateErrors,
    InvalidSettings for a policy that cannot be read or is wrong.
    """
    policy = policy_of_host(
        settings.policy, needed=settings.policy_needed, engine=settings.engine, state_dir=settings.state_dir
    )
    policy.load()
    with ExitStack() as stack:
        state = StateDir(settings.state_dir)
        if exclusive:
            stack.enter_context(state.lock())
        history = History.open(state.history, clock=time.time, rebuild=build)
        stack.callback(history.close)
        engine = DockerEngine(settings.engine, clock=time.time)
        stack.callback(engine.close)
        stickers = PermittedStickers(StickerStore(engine), policy.current)
        source = FolderSource(settings.desired, target=settings.target or None, remember=history.accepted())
        catalogue = Catalogue(source, history)
        if exclusive:
            catalogue.remember()
        catalogue.reload()
        deployments = DeploymentStore()
        observer = Observer(
            engine,
            stickers,
            full_every_s=settings.full_every_s,
            clock=time.monotonic,
            deployments=deployments,
        )
        assessor = Assessor(
            catalogue=catalogue,
            observer=observer,
            journal=history,
            key=state.key(STICKER_KEY),
            clock=time.time,
            busy=state.held_by,
            policy=policy.current,
        )
        yield Parts(
            settings=settings,
            state=state,
            history=history,
            engine=engine,
            compose=DockerCompose(settings.engine),
            deployments=deployments,
            stickers=stickers,
            assessor=assessor,
            policy=policy,
            meters=Meters(),
            actor=actor,
        )


@contextmanager
def open_service(settings: Settings, *, exclusive: bool) -> Iterator[Service]:
    """What one command needs. ``exclusive`` for commands that act: only one of them at a time."""
    user = local_user()
    with open_parts(settings, exclusive=exclusive, actor=lambda _: user) as parts:
        readings, stop_flag = Readings(meters=parts.meters), StopFlag()
        reconciler = parts.reconciler(
            sleep=stop_flag.sleep,
            linger=stop_flag.linger,
            stopping=lambda: stop_flag.stopping,
            readings=readings,
        )
        yield Service(
            assessor=parts.assessor,
            reconciler=reconciler,
            history=parts.history,
            engine=parts.engine,
            workers=settings.workers,
            prune_cap_percent=settings.prune_cap_percent,
            stickers=parts.stickers,
            records=parts.record_executor(),
            compose=parts.compose,
            stop_flag=stop_flag,
        )


async def run(settings: Settings) -> None:
    """Be the controller until SIGTERM or SIGINT. Raises StateLocked, InvalidSettings (port taken)."""
    from reconciler.web.endpoints import make_app  # noqa: PLC0415  (loads a web server that commands do not need)
    from reconciler.web.server import Server  # noqa: PLC0415

    with open_parts(settings, exclusive=True, actor=file_actor) as parts, StopRequest() as stop:
        board = Board(parts.history, time.time, monotonic=time.monotonic, silent_s=60 + 3 * settings.resync_s)
        queue: WorkQueue[str] = WorkQueue(parts.meters)
        readings = Readings(meters=parts.meters, board=board)
        controller = Controller(
            assessor=parts.assessor,
            reconciler=parts.reconciler(
                sleep=stop.sleep,
                linger=stop.linger,
                stopping=lambda: stop.stopping,
                readings=readings,
                engine_breaks=lambda: controller.event_stream_breaks,
            ),
            engine=parts.engine,
            history=parts.history,
            lookout=Lookout(
                assessor=parts.assessor,
                board=board,
                policy_trouble=lambda: parts.policy.trouble,
                prune=settings.prune,
                prune_cap_percent=settings.prune_cap_percent,
            ),
            watch=FolderWatch(settings.desired),
            stop=stop,
            queue=queue,
            resync_s=settings.resync_s,
            workers=settings.workers,
        )
        host, port = settings.listen_address
        render = readings.renderer(
            __version__, queue.stats, lambda: controller.event_stream_up, lambda: len(invalid(parts))
        )
        server = Server(make_app(render, board.ready, board.healthy), host, port)
        await server.start()
        try:
            log.info("the controller runs", documents=str(settings.desired), listen=settings.listen)
            left = await controller.run()
            log.info("the controller has stopped")
        finally:
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


def local_user() -> str:
    """The actor of a command: the person at the terminal."""
    try:
        return f"user:{os.environ.get('SUDO_USER') or getpass.getuser()}"
    except (KeyError, OSError):
        return f"user:{os.getuid()}"


def file_actor(desired: DesiredState) -> str:
    """The actor in the running controller: the file that says so."""
    return f"file:{desired.source.file}" if desired.source else "file"


def serve(settings: Settings) -> None:
    """Run the controller in an event loop of its own."""
    asyncio.run(run(settings))
