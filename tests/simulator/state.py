"""What a simulated host consists of."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

from reconciler.core.container import ContainerConfig, PortBinding
from reconciler.core.interfaces import EngineEvent
from reconciler.core.observation import EngineFacts, Health, ImageFacts, Status
from reconciler.errors import NotFound
from tests.simulator.behaviour import Behaviour, Step
from tests.simulator.clock import SimulatedClock
from tests.simulator.events import EventLog


@dataclass(slots=True, kw_only=True)
class Container:
    """``due`` are the steps that the running process (or the restart manager) has ahead, with their times."""

    id: str
    name: str
    image_id: str
    image_reference: str
    config: ContainerConfig
    behaviour: Behaviour
    created: float
    anonymous_volumes: tuple[str, ...] = ()
    status: Status = "created"
    health: Health = "none"
    exit_code: int = 0
    error: str = ""
    oom_killed: bool = False
    restart_count: int = 0
    stopped_by_hand: bool = False
    started: float = 0.0
    started_at: str = "0001-01-01T00:00:00Z"
    backoff_s: float = 0.0
    published: tuple[PortBinding, ...] = ()
    due: list[tuple[float, Step]] = field(default_factory=list)
    restart_due: float | None = None
    paused_at: float = 0.0
    healthy_before_pause: bool = False
    health_log: list[str] = field(default_factory=list)
    logs: list[str] = field(default_factory=list)

    @property
    def alive(self) -> bool:
        """Has a process, or will get one by itself."""
        return self.status in {"running", "paused", "restarting"}

    @property
    def probed(self) -> bool:
        return self.config.health is not None and not self.config.health.disabled


@dataclass(slots=True)
class Image:
    facts: ImageFacts
    behaviour: Behaviour
    volumes: tuple[str, ...]


@dataclass(slots=True)
class Volume:
    anonymous: bool = False
    files: dict[str, bytes] = field(default_factory=dict)


class Host:
    """The state, and looking things up in it. What changes it lies in the modules beside."""

    def __init__(self, clock: SimulatedClock, facts: EngineFacts) -> None:
        self.clock = clock
        self.facts = facts
        self.containers: dict[str, Container] = {}
        self.made: set[str] = set()
        self.images: dict[str, Image] = {}
        self.networks: set[str] = {"bridge", "host", "none"}
        self.volumes: dict[str, Volume] = {}
        self.paths: set[str] = {"/srv", "/tmp"}
        self.occupied: set[PortBinding] = set()
        self.cpus = 4
        self.disk_full = False
        self.events = EventLog()
        self._ids = 0
        self._starts = 0

    def new_id(self) -> str:
        self._ids += 1
        return hashlib.sha256(f"object {self._ids}".encode()).hexdigest()

    def start_text(self, at: float) -> str:
        """Another text for every start, even when no time passed between two."""
        self._starts += 1
        return f"{round(at * 1000)}.{self._starts:06d}"

    def get(self, container_id: str) -> Container:
        """Raises NotFound."""
        found = self.containers.get(container_id)
        if found is None:
            raise NotFound(f"no container {container_id[:12]}")
        return found

    def named(self, name: str) -> Container | None:
        return next((item for item in self.containers.values() if item.name == name), None)

    def image(self, reference: str) -> Image | None:
        """By id or ``repository@digest``."""
        if reference in self.images:
            return self.images[reference]
        return next((item for item in self.images.values() if reference in item.facts.repo_digests), None)

    def helper(self, reference: str) -> Image:
        """The image of a helper container. Raises NotFound."""
        found = self.image(reference)
        if found is None:
            raise NotFound(f"no image {reference} for the helper container")
        return found

    def emit(self, container: Container, action: str, at: float | None = None) -> None:
        time_ns = self.events.next_time(self.clock() if at is None else at)
        labels = dict(container.config.labels or {})
        self.events.append(EngineEvent(container.id, container.name, action, time_ns, labels))

    def emit_network(self, container: Container, action: str) -> None:
        """A network's event knows only the container's id."""
        self.events.append(EngineEvent(container.id, "", action, self.events.next_time(self.clock()), {}))
