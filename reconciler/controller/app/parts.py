"""The parts that a command and the running controller share, made from the settings."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

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
from reconciler.core.record import Event
from reconciler.deliveries import DeliveryStore
from reconciler.deployments import DeploymentStore
from reconciler.engine.client import DockerEngine
from reconciler.history import History
from reconciler.metrics import Meters
from reconciler.policy_file import PolicyFile
from reconciler.sources.provenance import Provenance
from reconciler.state_dir import StateDir

if TYPE_CHECKING:
    from reconciler.executors.record import RecordExecutor


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
        from reconciler.executors.record import RecordExecutor  # noqa: PLC0415  (as below)

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
        beside: Beside = ALONE,
    ) -> Reconciler:
        """The pass over single documents. ``sleep`` may raise Interrupted, ``linger`` does it later.
        ``engine_breaks`` counts how often the engine may have died (0 where nobody listens to its events).
        ``beside``: who works beside the controller.
        """
        from reconciler.controller.app.executing import executors_of  # noqa: PLC0415  (who only looks needs none)

        performer = Performer(
            executors_of(self, sleep=sleep, linger=linger, engine_breaks=engine_breaks),
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
