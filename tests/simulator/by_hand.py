"""A person with the docker command, at the same host. Containers are called by name.

Nothing here is recorded as a call of the reconciler, and no fault strikes it.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from reconciler.core.action import ContainerRef, UpdateLimits
from reconciler.core.container import ContainerConfig, NetworkAttachment, RestartPolicy
from reconciler.core.desired import ImageReference
from tests.simulator import containers, images, lifecycle
from tests.simulator.registry import SimulatedRegistry
from tests.simulator.state import Container, Host


class ByHand:
    """Every method raises LookupError for a name that is not there, and engine errors as the engine would."""

    def __init__(self, host: Host, registry: SimulatedRegistry, lock: threading.RLock) -> None:
        self._host = host
        self._registry = registry
        self._lock = lock

    def run(
        self,
        name: str,
        *,
        image: ImageReference | None = None,
        config: ContainerConfig | None = None,
        labels: Mapping[str, str] | None = None,
    ) -> str:
        """``docker run -d``: a foreign container, of a foreign image if none is named. Returns its id."""
        with self._lock:
            container = containers.create(
                self._host,
                name,
                image=str(self._have(image)),
                config=config or ContainerConfig(),
                labels=labels or {},
            )
            lifecycle.start(self._host, container)
            return container.id

    def copy_labels(self, name: str, *, to: str) -> str:
        """Run a foreign container ``to`` that carries all labels of ``name``."""
        with self._lock:
            return self.run(to, labels=dict(self._get(name).config.labels or {}))

    def recreate(self, name: str, **changes: Any) -> str:
        """Remove it and run it again with the same labels and other fields of ContainerConfig."""
        with self._lock:
            old = self._get(name)
            self.remove(name)
            container = containers.create(
                self._host,
                name,
                image=old.image_reference,
                config=replace(old.config, **changes),
                labels={},
            )
            lifecycle.start(self._host, container)
            return container.id

    def start(self, name: str) -> None:
        with self._lock:
            lifecycle.start(self._host, self._get(name))

    def jam(self, name: str, error: str) -> None:
        """Not a command: the engine's end leaves something of it that is in the way of every start."""
        with self._lock:
            container = self._get(name)
            container.behaviour = replace(container.behaviour, start_error=error)

    def stop(self, name: str) -> None:
        with self._lock:
            lifecycle.stop(self._host, self._get(name), None)

    def kill(self, name: str) -> None:
        with self._lock:
            lifecycle.kill(self._host, self._get(name))

    def crash(self, name: str, code: int = 1) -> None:
        """Not a command: the process inside ends by itself."""
        with self._lock:
            lifecycle.crash(self._host, self._get(name), code)

    def pause(self, name: str) -> None:
        with self._lock:
            lifecycle.pause(self._host, self._get(name))

    def unpause(self, name: str) -> None:
        with self._lock:
            lifecycle.unpause(self._host, self._get(name))

    def remove(self, name: str, *, volumes: bool = False) -> None:
        """``docker rm -f``."""
        with self._lock:
            container = self._get(name)
            if container.alive:
                lifecycle.kill(self._host, container)
            containers.remove(self._host, container, volumes=volumes)

    def rename(self, name: str, to: str) -> None:
        with self._lock:
            containers.rename(self._host, self._get(name), to)

    def update_memory(self, name: str, memory_bytes: int) -> None:
        """``docker update --memory --memory-swap``."""
        limits = UpdateLimits(
            document="",
            cause="",
            container=ContainerRef(name),
            memory_bytes=memory_bytes,
            memory_swap_bytes=memory_bytes,
        )
        with self._lock:
            containers.update_limits(self._host, self._get(name), limits)

    def update_restart(self, name: str, policy: RestartPolicy) -> None:
        with self._lock:
            container = self._get(name)
            container.config = replace(container.config, restart_policy=policy)
            self._host.emit(container, "update")

    def connect(self, name: str, network: str, *aliases: str) -> None:
        with self._lock:
            containers.connect(self._host, self._get(name), NetworkAttachment(network, aliases))

    def disconnect(self, name: str, network: str) -> None:
        with self._lock:
            containers.disconnect(self._host, self._get(name), network)

    def remove_network(self, network: str) -> None:
        with self._lock:
            self._host.networks.discard(network)

    def remove_image(self, reference: str) -> bool:
        with self._lock:
            return images.remove(self._host, reference)

    def write_file(self, volume: str, path: str, content: bytes) -> None:
        """Change a file in a volume, as a container that mounts it can."""
        with self._lock:
            self._host.volumes[volume].files[path.strip("/")] = content

    def _get(self, name: str) -> Container:
        found = self._host.named(name)
        if found is None:
            raise LookupError(f"no container {name}")
        return found

    def _have(self, image: ImageReference | None) -> ImageReference:
        wanted = image or self._registry.publish("elsewhere/thing")
        if self._host.image(str(wanted)) is None:
            images.pull(self._host, self._registry, wanted, deadline_s=60.0, progress=_quiet)
        return wanted


def _quiet(line: str) -> None:
    """Nobody watches."""
