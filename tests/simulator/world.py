"""Everything the reconciler needs, simulated, in one place: for scenario and property tests."""

from __future__ import annotations

from typing import Any

from reconciler.core.container import ContainerConfig
from reconciler.core.desired import DesiredState, ImageReference, Release, StickerPlace
from tests.simulator.audit import MemoryAudit
from tests.simulator.behaviour import Behaviour
from tests.simulator.clock import SimulatedClock
from tests.simulator.compose import SimulatedCompose
from tests.simulator.deliveries import MemoryDeliveries
from tests.simulator.deployments import MemoryDeployments
from tests.simulator.engine import SimulatedEngine
from tests.simulator.journal import MemoryJournal
from tests.simulator.registry import DEFAULT_FACTS, SimulatedRegistry
from tests.simulator.stickers import MemoryStickers


class Killed(BaseException):
    """Plays the sudden death of the controller: no handler of errors may catch it."""


class World:
    """One host, one registry, one history, one clock. Restarting the controller is making another one on it."""

    def __init__(self) -> None:
        self.clock = SimulatedClock()
        self.registry = SimulatedRegistry()
        self.engine = SimulatedEngine(clock=self.clock, registry=self.registry)
        self.journal = MemoryJournal(clock=self.clock)
        self.audit = MemoryAudit()
        self.stickers = MemoryStickers()
        self.deployments = MemoryDeployments()
        self.deliveries = MemoryDeliveries(self.engine.host.paths)
        self.compose = SimulatedCompose(self.engine, self.deployments)

    def publish(self, repository: str = "shop/web", *, behaviour: Behaviour | None = None) -> ImageReference:
        """A new image in the registry, not yet on the host."""
        return self.registry.publish(repository, DEFAULT_FACTS, behaviour=behaviour)

    def reboot(self) -> None:
        """The whole machine: what lay in memory is gone before the engine comes back."""
        self.deliveries.reboot()
        self.engine.restart()

    def desired(
        self,
        name: str = "web",
        *,
        image: ImageReference | None = None,
        release: str = "1",
        config: ContainerConfig | None = None,
        **fields: Any,
    ) -> DesiredState:
        """A wish for release ``release``; of a new image where none is given."""
        place = StickerPlace(path=f"/var/stella/{name}/version.json")
        return DesiredState(
            name=name,
            release=Release(id=release, name=f"{name} {release}"),
            image=image or self.publish(f"shop/{name}"),
            container_name=fields.pop("container_name", name),
            config=config or ContainerConfig(),
            sticker=fields.pop("sticker", place),
            **fields,
        )
