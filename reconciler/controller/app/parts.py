"""The parts that a command and the running controller share, made from the settings."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable
from dataclasses import dataclass

from reconciler.audit import AuditLog
from reconciler.compose.client import DockerCompose
from reconciler.config import Settings
from reconciler.controller.app.actors import local_user
from reconciler.controller.assess import Assessor
from reconciler.controller.beside import ALONE, Beside
from reconciler.controller.conclude import Conclusion
from reconciler.controller.fail_points import fail_points
from reconciler.controller.loop import Reconciler
from reconciler.controller.perform import Performer
from reconciler.controller.permitted_stickers import PermittedStickers
from reconciler.controller.readings import Readings
from reconciler.controller.recordable import Recordable
from reconciler.controller.recorder import Books
from reconciler.core.desired import DesiredState
from reconciler.core.interfaces import Executor
from reconciler.core.record import Event
from reconciler.deliveries import DeliveryStore
from reconciler.deployments import DeploymentStore
from reconciler.engine.client import DockerEngine
from reconciler.executors.compose import ComposeExecutor
from reconciler.executors.delivery import DeliveryExecutor
from reconciler.executors.docker import DockerExecutor
from reconciler.executors.record import RecordExecutor
from reconciler.executors.signatures import SignatureExecutor
from reconciler.history import History
from reconciler.metrics import Meters
from reconciler.policy_file import PolicyFile
from reconciler.registry.client import RegistryClient
from reconciler.signatures.check import SignatureCheck
from reconciler.sources.provenance import Provenance
from reconciler.state_dir import StateDir


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What both ways in share."""

    settings: Settings
    state: StateDir
    history: History
    audit: AuditLog
    provenance: Provenance
    engine: DockerEngine
    compose: DockerCompose
    deployments: DeploymentStore
    deliveries: DeliveryStore
    stickers: PermittedStickers
    assessor: Assessor
    policy: PolicyFile
    meters: Meters
    actor: Callable[[DesiredState], str]

    @property
    def recordable(self) -> Recordable:
        return Recordable(history=self.history, audit=self.audit, check_room=self.state.check_room)

    def record_executor(self) -> RecordExecutor:
        return RecordExecutor(self.history, self.stickers, key=self.assessor.key, actor=self._actor_of)

    def signature_executor(self) -> SignatureExecutor:
        registry = RegistryClient(self.engine.login_for)
        return SignatureExecutor(self.engine, SignatureCheck(registry, self.state.signatures))

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
        beside: Beside = ALONE,
    ) -> Reconciler:
        """The pass over single documents. ``sleep`` may raise Interrupted, ``linger`` does it later.
        ``engine_breaks`` counts how often the engine may have died (0 where nobody listens to its events).
        ``beside``: who works beside the controller.
        """
        performer = Performer(
            self._executors(sleep=sleep, linger=linger, engine_breaks=engine_breaks),
            books=Books(record_event=lambda event: self._record(event, beside), audit=self.audit),
            meters=self.meters,
            fail_points=fail_points(os.environ),
        )
        return Reconciler(
            assessor=self.assessor,
            performer=performer,
            conclusion=Conclusion(journal=self.history, clock=time.time, chance=random.random),
            actor=self.actor,
            origin=self.provenance.origin,
            may_act=self.state.still_locked,
            stopping=stopping,
            before_acting=self.recordable.before_acting,
            may_begin=beside.may_begin,
            task=beside.task,
            assessed=readings.assessed,
            passed=readings.passed,
        )

    def _record(self, event: Event, beside: Beside) -> None:
        self.history.add_event(event)
        beside.recorded()

    def _executors(
        self, *, sleep: Callable[[float], None], linger: Callable[[float], None], engine_breaks: Callable[[], int]
    ) -> tuple[Executor, ...]:
        docker = DockerExecutor(
            self.engine,
            self.history,
            clock=time.monotonic,
            sleep=sleep,
            linger=linger,
            pull_deadline_s=self.settings.pull_deadline_s,
            engine_breaks=engine_breaks,
            deliveries=self.deliveries,
        )
        compose = ComposeExecutor(
            self.engine,
            self.history,
            compose=self.compose,
            deployments=self.deployments,
            places=self.assessor.places,
            deliveries=self.deliveries,
            clock=time.monotonic,
            sleep=sleep,
            engine_breaks=engine_breaks,
        )
        delivery = DeliveryExecutor(self.deliveries)
        return docker, compose, delivery, self.signature_executor(), self.record_executor()
