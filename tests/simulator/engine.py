"""A Docker engine in memory: the ``Engine`` interface on a simulated host, clock and registry."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from dataclasses import replace

from reconciler.core.action import UpdateLimits
from reconciler.core.container import ContainerConfig, NetworkAttachment, RestartPolicy
from reconciler.core.desired import ImageReference
from reconciler.core.interfaces import Engine, EngineEvent, Progress
from reconciler.core.observation import ContainerDetail, ContainerRow, EngineFacts, ImageFacts, Status
from reconciler.errors import EngineRefused
from tests.simulator import containers, files, images, lifecycle, views
from tests.simulator.behaviour import Behaviour
from tests.simulator.by_hand import ByHand
from tests.simulator.clock import SimulatedClock
from tests.simulator.faults import Call, Fault, FaultPlan, operation
from tests.simulator.registry import SimulatedRegistry
from tests.simulator.state import Container, Host

FACTS = EngineFacts(version="20.10.24", api_version="1.41", architecture="amd64")
LOG_BYTES = 64 * 1024


class SimulatedEngine:
    """``host`` is the state, free for tests to look at; ``by_hand`` acts as a person with the docker command."""

    def __init__(
        self,
        *,
        clock: SimulatedClock | None = None,
        registry: SimulatedRegistry | None = None,
        facts: EngineFacts = FACTS,
    ) -> None:
        self.clock = clock or SimulatedClock()
        self.registry = registry or SimulatedRegistry()
        self.host = Host(self.clock, facts)
        self.lock = threading.RLock()
        self.faults = FaultPlan()
        self.by_hand = ByHand(self.host, self.registry, self.lock)
        self.clock.on_advance(self.settle)

    # Reads.

    @operation(mutates=False)
    def facts(self) -> EngineFacts:
        return self.host.facts

    def known_facts(self) -> EngineFacts:
        return self.host.facts

    @operation(mutates=False)
    def list_containers(self, *, label: tuple[str, str] | None = None) -> tuple[ContainerRow, ...]:
        """Newest first, as the engine lists them."""
        rows = (views.row(item) for item in reversed(self.host.containers.values()))
        return tuple(row for row in rows if label is None or row.labels.get(label[0]) == label[1])

    @operation(mutates=False)
    def inspect_container(self, container_id: str) -> ContainerDetail | None:
        found = self.host.containers.get(container_id)
        return None if found is None else views.detail(found)

    @operation(mutates=False)
    def inspect_image(self, reference: str) -> ImageFacts | None:
        found = self.host.image(reference)
        return None if found is None else found.facts

    @operation(mutates=False)
    def list_networks(self) -> frozenset[str]:
        return frozenset(self.host.networks)

    @operation(mutates=False)
    def logs(self, container_id: str, *, lines: int) -> tuple[str, ...]:
        found = self.host.containers.get(container_id)
        kept: list[str] = []
        room = LOG_BYTES
        for line in reversed(found.logs[-lines:] if found and lines > 0 else ()):
            room -= len(line.encode()) + 1
            if room < 0:
                break
            kept.append(line)
        return tuple(reversed(kept))

    def events(self, *, since_ns: int | None) -> Iterator[EngineEvent]:
        with self.lock:
            self.settle()
            self.faults.enter(Call("events", "", mutating=False))
            return self.host.events.stream(since_ns)

    # Writes.

    @operation(mutates=True)
    def pull(self, image: ImageReference, *, deadline_s: float, progress: Progress) -> None:
        images.pull(self.host, self.registry, image, deadline_s=deadline_s, progress=progress)

    @operation(mutates=True)
    def create(
        self, name: str, *, image: ImageReference, config: ContainerConfig, labels: Mapping[str, str]
    ) -> str:
        """A memory limit also bounds swap; a person's ``docker run`` would allow as much swap again."""
        swap = config.memory_bytes if config.memory_swap_bytes is None else config.memory_swap_bytes
        bounded = replace(config, memory_swap_bytes=swap)
        made = containers.create(self.host, name, image=str(image), config=bounded, labels=labels)
        self.host.made.add(made.id)
        return made.id

    @operation(mutates=True)
    def create_sandbox(
        self, name: str, *, image: ImageReference, config: ContainerConfig, labels: Mapping[str, str], beside: str
    ) -> str:
        """As the engine, which looks for the other container only when it starts this one."""
        shared = (NetworkAttachment(f"container:{beside}"),) if beside else config.networks
        made = containers.create(self.host, name, image=str(image), config=config, labels=labels)
        made.config = replace(made.config, networks=shared)
        return made.id

    @operation(mutates=True)
    def start(self, container_id: str) -> None:
        lifecycle.start(self.host, self.host.get(container_id))

    @operation(mutates=True)
    def stop(self, container_id: str, *, timeout_s: int | None) -> None:
        found = self.host.containers.get(container_id)
        if found is not None:
            lifecycle.stop(self.host, found, timeout_s)

    @operation(mutates=True)
    def unpause(self, container_id: str) -> None:
        lifecycle.unpause(self.host, self.host.get(container_id))

    @operation(mutates=True)
    def rename(self, container_id: str, name: str) -> None:
        containers.rename(self.host, self.host.get(container_id), name)

    @operation(mutates=True)
    def set_restart_policy(self, container_id: str, policy: RestartPolicy) -> None:
        container = self.host.get(container_id)
        container.config = replace(container.config, restart_policy=policy)
        self.host.emit(container, "update")

    @operation(mutates=True)
    def update_limits(self, container_id: str, limits: UpdateLimits) -> None:
        containers.update_limits(self.host, self.host.get(container_id), limits)

    @operation(mutates=True)
    def connect(self, container_id: str, network: NetworkAttachment) -> None:
        containers.connect(self.host, self.host.get(container_id), network)

    @operation(mutates=True)
    def disconnect(self, container_id: str, network: str) -> None:
        containers.disconnect(self.host, self.host.get(container_id), network)

    @operation(mutates=True)
    def create_network(self, name: str) -> None:
        self.host.networks.add(name)

    @operation(mutates=True)
    def remove(self, container_id: str, *, volumes: bool) -> None:
        found = self.host.containers.get(container_id)
        if found is not None:
            containers.remove(self.host, found, volumes=volumes)

    @operation(mutates=True)
    def remove_image(self, reference: str) -> bool:
        return images.remove(self.host, reference)

    @operation(mutates=False)
    def read_volume(self, volume: str, path: str, *, helper: str, limit: int) -> bytes | None:
        """Changes nothing that lasts, though a real engine makes and removes a helper container."""
        if volume not in self.host.volumes:
            return None
        self.host.helper(helper)
        return files.read(self.host, volume, path, limit=limit)

    @operation(mutates=True)
    def write_volume(self, volume: str, path: str, content: bytes, *, helper: str) -> None:
        self.host.helper(helper)
        files.write(self.host, volume, path, content)

    # The tests' side.

    @property
    def calls(self) -> list[Call]:
        """Every call so far, reads too; failed ones included."""
        return self.faults.calls

    @property
    def mutations(self) -> int:
        """How many mutating calls came so far."""
        return self.faults.mutations

    @property
    def anonymous_volumes(self) -> int:
        return sum(volume.anonymous for volume in self.host.volumes.values())

    def fail_call(self, number: int, error: BaseException, *, after: bool = False) -> None:
        """Let the mutating call ``number`` from now (1: the next) fail; ``after``: its effect takes place."""
        self.faults.faults.append(Fault(error, after, number=self.faults.mutations + number))

    def fail_when(self, method: str, error: BaseException, *, times: int = 1, after: bool = False) -> None:
        """Let the next ``times`` calls of ``method`` fail. A BaseException can play the controller's death."""
        if not hasattr(Engine, method):
            raise ValueError(f"the engine has no method {method}")
        self.faults.faults.append(Fault(error, after, method=method, times=times))

    def settle(self) -> None:
        """Carry out what fell due by the clock."""
        with self.lock:
            lifecycle.settle(self.host)

    def title(self, value: str) -> str:
        """A container's name for its id, any other text as it is."""
        found = self.host.containers.get(value)
        return found.name if found else value

    def behave(self, container_id: str, behaviour: Behaviour) -> None:
        """Another behaviour for one container: at once if it runs, else from its next start."""
        with self.lock:
            lifecycle.behave(self.host, self.host.get(container_id), behaviour)

    def set_status(self, container_id: str, status: Status) -> None:
        """Force a state that no command leads to (``removing``, ``dead``)."""
        with self.lock:
            container = self.host.get(container_id)
            if container.alive and status in {"removing", "dead", "exited"}:
                raise EngineRefused(f"{container.name} is {container.status}: stop it first")
            container.status = status

    def container(self, name: str) -> Container:
        """The container of this name. Raises LookupError."""
        found = self.host.named(name)
        if found is None:
            raise LookupError(f"no container {name}")
        return found

    def crash(self) -> None:
        """The engine is killed and comes back."""
        with self.lock:
            self.cut_events()
            lifecycle.engine_died(self.host)

    def restart(self) -> None:
        """The engine stops in good order and comes back."""
        with self.lock:
            self.cut_events()
            lifecycle.engine_restarted(self.host)

    def go_away(self) -> None:
        """No answer to any call until ``come_back``; containers go on."""
        self.faults.down = True
        self.cut_events()

    def come_back(self) -> None:
        self.faults.down = False

    def cut_events(self) -> None:
        """End every open event stream without an error."""
        self.host.events.cut()
