"""A stage for tests of the project Actions: a simulated host, and a Compose and a store in memory beside it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from reconciler.core import names
from reconciler.core.action import Action
from reconciler.core.container import ContainerConfig, HealthProbe
from reconciler.core.deployment import revision_files
from reconciler.core.desired import DesiredState, Release
from reconciler.core.interfaces import ComposeProject, Progress
from reconciler.core.outcome import Outcome
from reconciler.core.project import (
    CONFIG_HASH_LABEL,
    DIRECTORY_LABEL,
    NUMBER_LABEL,
    ONE_OFF_LABEL,
    PROJECT_LABEL,
    SERVICE_LABEL,
    Project,
    Service,
    artifact,
)
from reconciler.executors.compose import ComposeExecutor
from tests.simulator import containers, lifecycle
from tests.simulator.behaviour import Behaviour, exits
from tests.simulator.clock import SimulatedClock
from tests.simulator.deployments import MemoryDeployments
from tests.simulator.engine import SimulatedEngine
from tests.simulator.journal import MemoryJournal

DIRECTORY = "/srv/shop"
PROBED = ContainerConfig(health=HealthProbe(test=("CMD", "true"), interval_ms=1_000))


class MemoryCompose:
    """Compose on a simulated engine, for one project: as many containers as replicas, by Compose's labels.

    ``before_work`` is called as a run begins; ``error`` is raised instead of one, ``leaves`` keeps containers.
    """

    def __init__(self, engine: SimulatedEngine, project: Callable[[], Project], labels: Mapping[str, str]) -> None:
        self.engine = engine
        self.project = project
        self.labels = labels
        self.calls: list[str] = []
        self.model: dict[str, Any] = {}
        self.error: Exception | None = None
        self.leaves = False

    def version(self) -> str:
        return "2.26.1"

    def config(self, project: ComposeProject) -> Mapping[str, Any]:
        self._begin("config")
        services = {item.name: {"image": str(item.image)} for item in self.project().services}
        return {"name": project.name, "services": services, **self.model}

    def up(self, project: ComposeProject, *, recreate: tuple[str, ...], progress: Progress) -> None:
        self._begin("up")
        progress(f"{project.name} at work")
        wanted = {
            self.project().container_name(service, number): (service, number)
            for service in self.project().services
            for number in range(1, service.replicas + 1)
        }
        for name, container in {item.name: item for item in self._own()}.items():
            labels = container.config.labels or {}
            known = name in wanted and labels.get(CONFIG_HASH_LABEL) == config_hash(wanted[name][0])
            if not known or labels.get(SERVICE_LABEL) in recreate:
                self._remove(name)
        for name, (service, number) in wanted.items():
            if self.engine.host.named(name) is None:
                self.make(name, service, number=number)

    def down(self, project: ComposeProject, *, progress: Progress) -> None:
        self._begin("down")
        for container in () if self.leaves else self._own():
            self._remove(container.name)
        self.engine.host.networks -= set(self.project().networks)

    def make(
        self, name: str, service: Service, *, number: int = 1, labels: Mapping[str, str] | None = None
    ) -> str:
        """A container as Compose makes it; ``labels`` are further ones, or other values."""
        made = {
            **self.labels,
            PROJECT_LABEL: self.project().name,
            SERVICE_LABEL: service.name,
            NUMBER_LABEL: str(number),
            ONE_OFF_LABEL: "False",
            DIRECTORY_LABEL: self.project().directory,
            CONFIG_HASH_LABEL: config_hash(service),
            **(labels or {}),
        }
        made = {key: value for key, value in made.items() if value}
        self.engine.host.networks |= set(self.project().networks)
        image = str(service.image)
        return containers.create(self.engine.host, name, image=image, config=service.config, labels=made).id

    def _begin(self, call: str) -> None:
        self.calls.append(call)
        if self.error is not None:
            raise self.error

    def _own(self) -> list[Any]:
        found = self.engine.host.containers.values()
        return [item for item in found if (item.config.labels or {}).get(PROJECT_LABEL) == self.project().name]

    def _remove(self, name: str) -> None:
        container = self.engine.container(name)
        if container.alive:
            lifecycle.stop(self.engine.host, container, None)
        containers.remove(self.engine.host, container, volumes=False)


def config_hash(service: Service) -> str:
    return hashlib.sha256(repr((service.image, service.config)).encode()).hexdigest()


@dataclass
class ProjectStage:
    """A project ``shop`` of a web and a db service and a job; ``web`` and ``db`` say how those two behave."""

    web: Behaviour = field(default_factory=Behaviour)
    db: Behaviour = field(default_factory=Behaviour)
    job: Behaviour = field(default_factory=lambda: exits(0))
    config: ContainerConfig = PROBED
    replicas: int = 1
    breaks: Callable[[], int] = lambda: 0
    lines: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.clock = SimulatedClock()
        self.engine = SimulatedEngine(clock=self.clock)
        self.journal = MemoryJournal(clock=self.clock)
        self.deployments = MemoryDeployments()
        services = (
            self._service("db", self.db),
            self._service("job", self.job, completes=True, config=ContainerConfig()),
            self._service("web", self.web, replicas=self.replicas),
        )
        self.project = Project(
            name="shop",
            directory=DIRECTORY,
            lock=artifact("compose.stella.lock.yml", b"services: {}\n"),
            services=services,
            files=(artifact("web.conf", b"listen 80"),),
            networks=("shop_default",),
        )
        labels = {names.OWNER: self.journal.owner, names.DOCUMENT: "shop"}
        self.compose = MemoryCompose(self.engine, lambda: self.project, labels)
        self.executor = self.make_executor()

    def make_executor(self, sleep: Callable[[float], None] | None = None) -> ComposeExecutor:
        return ComposeExecutor(
            self.engine,
            self.journal,
            compose=self.compose,
            deployments=self.deployments,
            clock=self.clock.monotonic,
            sleep=sleep or self.clock.sleep,
            engine_breaks=self.breaks,
        )

    def _service(self, name: str, behaviour: Behaviour, **changes: Any) -> Service:
        image = self.engine.registry.publish(f"registry.example.com/shop/{name}", behaviour=behaviour)
        self.engine.pull(image, deadline_s=60.0, progress=self.lines.append)
        return Service(**{"name": name, "image": image, "config": self.config, **changes})

    @property
    def desired(self) -> DesiredState:
        return DesiredState(
            name="shop", release=Release("rel-1", "Shop 1"), kind="ComposeProject", project=self.project
        )

    @property
    def files(self) -> Mapping[str, bytes]:
        return revision_files(
            self.project, fingerprint=self.desired.fingerprint, document="shop", owner=self.journal.owner
        )

    def change(self, name: str, **changes: Any) -> None:
        """Another wish for one service."""
        services = tuple(replace(item, **changes) if item.name == name else item for item in self.project.services)
        self.project = replace(self.project, services=services)

    def do(self, kind: type[Action], **fields: Any) -> Outcome:
        """Carry out one Action on the project."""
        action = kind(**{"document": "shop", "cause": "test", "desired": self.desired, **fields})
        return self.executor.perform(action, progress=self.lines.append)

    def id_of(self, name: str) -> str:
        return self.engine.container(name).id

    def status(self, name: str) -> str:
        return self.engine.container(name).status
