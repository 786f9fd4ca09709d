"""A stage for executor tests: one simulated host, one journal, one document."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from reconciler.core import names
from reconciler.core.action import Action, ContainerRef, CreateContainer
from reconciler.core.container import ContainerConfig, HealthProbe
from reconciler.core.desired import DesiredState, ImageReference, Release
from reconciler.core.outcome import Outcome
from reconciler.executors.docker import DockerExecutor
from tests.simulator.behaviour import Behaviour
from tests.simulator.clock import SimulatedClock
from tests.simulator.engine import SimulatedEngine
from tests.simulator.journal import MemoryJournal

PROBE = HealthProbe(test=("CMD", "true"), interval_ms=1_000)
PROBED = ContainerConfig(health=PROBE)


@dataclass
class Stage:
    """``perform`` carries out an Action; ``lines`` is the progress that was told."""

    config: ContainerConfig = PROBED
    behaviour: Behaviour = field(default_factory=Behaviour)
    lines: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.clock = SimulatedClock()
        self.engine = SimulatedEngine(clock=self.clock)
        self.journal = MemoryJournal(clock=self.clock)
        self.image = self.publish()
        self.executor = DockerExecutor(
            self.engine,
            self.journal,
            clock=self.clock.monotonic,
            sleep=self.clock.sleep,
            pull_deadline_s=60.0,
            wall_clock=self.clock,
        )

    def publish(self) -> ImageReference:
        return self.engine.registry.publish("registry.example.com/shop/web", behaviour=self.behaviour)

    def pulled(self) -> None:
        self.engine.pull(self.image, deadline_s=60.0, progress=self.lines.append)

    def desired(self) -> DesiredState:
        return DesiredState(
            name="web",
            release=Release("rel-1", "Web 1"),
            image=self.image,
            container_name="web",
            config=self.config,
        )

    def intent(self, generation: int = 1) -> None:
        self.journal.begin(
            self.desired(), generation=generation, kind="deploy", container_id="", cause="test", actor="test"
        )

    def creation(self, **changes: Any) -> CreateContainer:
        labels = names.ownership_labels(self.desired(), owner=self.journal.owner, generation=1)
        wanted: dict[str, Any] = {
            "document": "web",
            "cause": "test",
            "container": ContainerRef("web-next-g1", "", 1),
            "image": self.image,
            "config": self.config,
            "labels": labels,
        }
        return CreateContainer(**{**wanted, **changes})

    def created(self) -> ContainerRef:
        """A container of generation 1, created by the executor."""
        self.pulled()
        self.intent()
        outcome = self.perform(self.creation())
        assert outcome.kind == "done", outcome.error
        return ContainerRef("web-next-g1", outcome.container_id, 1)

    def started(self) -> ContainerRef:
        container = self.created()
        self.engine.start(container.id)
        return container

    def perform(self, action: Action) -> Outcome:
        return self.executor.perform(action, progress=self.lines.append)

    def methods(self, since: int = 0) -> list[str]:
        """Mutating calls to the engine from call number ``since`` on."""
        return [call.method for call in self.engine.calls[since:] if call.mutating]
