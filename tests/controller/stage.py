"""A controller on a simulated engine, with a real folder, a real history and real sticker files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import yaml

from reconciler.audit import AuditLog
from reconciler.controller.assess import Assessor
from reconciler.controller.board import Board
from reconciler.controller.catalogue import Catalogue
from reconciler.controller.conclude import Conclusion
from reconciler.controller.controller import Controller
from reconciler.controller.decisions import Decisions
from reconciler.controller.fail_points import fail_points
from reconciler.controller.lookout import Lookout
from reconciler.controller.loop import Reconciler, never
from reconciler.controller.perform import Performer
from reconciler.controller.readings import Readings
from reconciler.controller.recordable import Recordable
from reconciler.controller.recorder import Books
from reconciler.controller.service import Service
from reconciler.controller.stop import StopRequest
from reconciler.controller.stop_flag import StopFlag
from reconciler.controller.workqueue import WorkQueue
from reconciler.core.audit import Actor
from reconciler.core.desired import ImageReference
from reconciler.core.policy import Policy
from reconciler.engine.client import DockerEngine
from reconciler.engine.observe import Observer
from reconciler.executors.compose import ComposeExecutor
from reconciler.executors.docker import DockerExecutor
from reconciler.executors.record import RecordExecutor
from reconciler.history import History
from reconciler.metrics import Meters
from reconciler.sources.files import FolderSource
from reconciler.sources.watch import FolderWatch
from reconciler.spec.build import build
from reconciler.sticker_store import StickerStore
from tests.simulator.world import World

KEY = b"k" * 32


class Stage:
    """``write`` edits the folder, ``service`` is what one command gets, ``controller`` the program that stays."""

    def __init__(self, folder: Path, world: World | None = None) -> None:
        self.folder = folder
        self.desired = folder / "desired"
        self.desired.mkdir(exist_ok=True)
        self.world = world or World()
        self.clock = self.world.clock
        self.images: dict[str, ImageReference] = {}
        self.policy = Policy(deployment_paths=(str(folder), "/proc", "/var/stella"))
        self.history = History.open(folder / "history.db", clock=self.clock.time, rebuild=build)
        self.audit = AuditLog(folder, lambda: KEY)
        self.recordable = Recordable(history=self.history, audit=self.audit)
        self.meters = Meters()
        self.stickers = StickerStore(self.world.engine)
        self.source = FolderSource(
            self.desired, remember=self.history.accepted(), clock=lambda: 1e12, sleep=lambda _: None
        )
        self.catalogue = Catalogue(self.source, self.history)
        self.catalogue.remember()
        self.catalogue.reload()
        observer = Observer(
            self.world.engine,
            self.stickers,
            full_every_s=300.0,
            clock=self.clock.monotonic,
            deployments=self.world.deployments,
        )
        self.assessor = Assessor(
            catalogue=self.catalogue,
            observer=observer,
            journal=self.history,
            key=KEY,
            clock=self.clock.time,
            policy=lambda: self.policy,
        )
        self.board = Board(self.history, self.clock.time, monotonic=self.clock.monotonic, silent_s=150.0)
        self.readings = Readings(meters=self.meters, board=self.board)
        self.records = RecordExecutor(self.history, self.stickers, key=KEY, actor=lambda _: "user:test")

    def write(self, name: str, release: str = "v1", *, file: str = "", **spec: Any) -> None:
        """Write the document of ``name``; ``release`` also names the image, published on first use."""
        image = self.images.setdefault(release, self.world.publish("shop/web")) if release else self.images["v1"]
        document = {
            "apiVersion": "stella/v1",
            "kind": "Container",
            "metadata": {"name": name},
            "spec": {
                "release": {"id": release, "name": release},
                "image": image.repository,
                "digest": image.digest,
                "sticker": {"path": str(self.folder / "stickers" / f"{name}.json")},
                **spec,
            },
        }
        (self.desired / (file or f"{name}.yaml")).write_text(yaml.safe_dump(document))
        self.catalogue.reload()

    def break_file(self, name: str) -> None:
        """Leave a file that cannot be parsed."""
        (self.desired / f"{name}.yaml").write_text("{")
        self.catalogue.reload()

    def delete(self, name: str) -> None:
        """Remove a document's file."""
        (self.desired / f"{name}.yaml").unlink()
        self.catalogue.reload()

    def reconciler(
        self,
        *,
        stopping: Callable[[], bool] = never,
        sleep: Callable[[float], None] | None = None,
        may_act: Callable[[], bool] = lambda: True,
    ) -> Reconciler:
        docker = DockerExecutor(
            self.world.engine,
            self.history,
            clock=self.clock.monotonic,
            sleep=sleep or self.clock.sleep,
            pull_deadline_s=60.0,
            wall_clock=self.clock.time,
        )
        compose = ComposeExecutor(
            self.world.engine,
            self.history,
            compose=self.world.compose,
            deployments=self.world.deployments,
            clock=self.clock.monotonic,
            sleep=sleep or self.clock.sleep,
        )
        performer = Performer(
            (docker, compose, self.records),
            books=Books(record_event=self.history.add_event, audit=self.audit, clock=self.clock.time),
            meters=self.meters,
            fail_points=fail_points({}),
            monotonic=self.clock.monotonic,
        )
        return Reconciler(
            assessor=self.assessor,
            performer=performer,
            conclusion=Conclusion(journal=self.history, clock=self.clock.time, chance=lambda: 0.5),
            actor=lambda _: "user:test",
            may_act=may_act,
            stopping=stopping,
            before_acting=self.recordable.before_acting,
            assessed=self.readings.assessed,
            passed=self.readings.passed,
        )

    def service(self, stop_flag: StopFlag | None = None, **options: Any) -> Service:
        flag = stop_flag or StopFlag()
        reconciler = self.reconciler(stopping=lambda: flag.stopping, **options)
        return Service(
            assessor=self.assessor,
            reconciler=lambda: reconciler,
            stop_flag=flag,
            history=self.history,
            engine=cast("DockerEngine", self.world.engine),
            workers=4,
            prune_cap_percent=20,
            stickers=self.stickers,
            records=lambda: self.records,
            compose=self.world.compose,
            decisions=Decisions(audit=self.audit, actor=Actor("user", "test")),
            audit_fault=lambda: self.audit.broken,
        )

    def controller(self, stop: StopRequest, *, prune: bool = False, **options: Any) -> Controller:
        """To be made inside the event loop."""
        return Controller(
            assessor=self.assessor,
            reconciler=self.reconciler(stopping=lambda: stop.stopping, **options),
            engine=self.world.engine,
            history=self.history,
            lookout=Lookout(
                assessor=self.assessor,
                board=self.board,
                state_trouble=self.recordable.trouble,
                prune=prune,
                prune_cap_percent=50,
            ),
            watch=FolderWatch(self.desired),
            stop=stop,
            queue=WorkQueue(self.meters),
            resync_s=0.2,
            workers=2,
        )


def quiet(document: str, line: str) -> None:
    """Nobody watches."""
