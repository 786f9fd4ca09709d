"""The model's host on the simulator: the real decisions and executors on a simulated engine."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from reconciler.core.container import ContainerConfig, HealthProbe, PortBinding, RestartPolicy
from reconciler.core.desired import ImageReference
from reconciler.errors import ReconcilerError
from tests.model.host import Deed, Edge, Wish
from tests.simulator.behaviour import unhealthy
from tests.simulator.oracle import violations
from tests.simulator.player import Player
from tests.simulator.world import World

NAME: Final = "web"
STRANGERS: Final = ("strangers", "web-previous-g77")
MOST_TRIES: Final = 12
LATER_S: Final = 4000.0
"""Longer than the longest pause between tries, and than a storm of restarts is remembered."""


class SimulatedHost:
    """See ``Host``."""

    def __init__(self) -> None:
        self._world = World()
        self._player = Player(self._world)
        self._images: dict[int, ImageReference] = {}
        for name in STRANGERS:
            self._world.engine.by_hand.run(name)
        self._strangers = self._seen_of_strangers()

    def want(self, wish: Wish) -> None:
        config = ContainerConfig(
            health=HealthProbe(test=("CMD", "probe")),
            ports=(PortBinding(80, host_port=8080),),
            memory_bytes=64 << 20,
            environment={"LEVEL": str(wish.level)},
        )
        image = self._image(wish)
        self._player.want(
            self._world.desired(release=str(wish.release), image=image, config=config, deletion_policy="delete")
        )

    def _image(self, wish: Wish) -> ImageReference:
        if wish.release not in self._images:
            behaviour = None if wish.good else unhealthy()
            self._images[wish.release] = self._world.publish("shop/web", behaviour=behaviour)
        return self._images[wish.release]

    def do(self, deed: Deed) -> None:
        hand, engine = self._world.engine.by_hand, self._world.engine
        stickers = self._world.stickers.contents
        deeds: dict[Deed, Callable[[], object]] = {
            "stop": lambda: hand.stop(NAME),
            "kill": lambda: hand.kill(NAME),
            "remove": lambda: hand.remove(NAME),
            "pause": lambda: hand.pause(NAME),
            "rename": lambda: hand.rename(NAME, "elsewhere"),
            "memory": lambda: hand.update_memory(NAME, 128 << 20),
            "restart-policy": lambda: hand.update_restart(NAME, RestartPolicy("no")),
            "remove-image": lambda: [hand.remove_image(str(image)) for image in self._images.values()],
            "garble-sticker": lambda: stickers.update(dict.fromkeys(stickers, b"{")),
            "remove-sticker": stickers.clear,
            "engine-restart": engine.restart,
        }
        try:
            deeds[deed]()
        except (ReconcilerError, LookupError):
            return  # an engine refuses what is not possible now

    def registry(self, *, away: bool) -> None:
        self._world.registry.reachable = not away

    def settle(self) -> None:
        self._player.settle(NAME)

    def settle_killed(self, number: int, edge: Edge) -> None:
        self._player.settle_killed_at(number, edge, NAME)

    def calm(self) -> None:
        self.registry(away=False)
        for _ in range(MOST_TRIES):
            self._world.clock.advance(LATER_S)
            self.settle()
            record = self._world.journal.record(NAME)
            if record.held and not self.quarantined():
                self._world.journal.clear(NAME)
            elif self._player.idle(NAME):
                return

    def prune(self) -> None:
        del self._player.documents[NAME]
        for _ in range(MOST_TRIES):
            self._player.one_pass(NAME, prune=True)
            if NAME not in self._world.journal.records() or self._world.journal.record(NAME).committed is None:
                return

    def committed(self) -> tuple[int, int]:
        record = self._world.journal.record(NAME)
        revision = record.committed_revision
        return (int(revision.release.id) if revision else 0), record.generation

    def quarantined(self) -> bool:
        return bool(self._player.situation(NAME).quarantine)

    def troubles(self) -> list[str]:
        found = violations(self._player, NAME)
        if not self._player.idle(NAME):
            found.append(f"another pass would do {[item.kind for item in self._player.plan(NAME).actions]}")
        if self._seen_of_strangers() != self._strangers:
            found.append("somebody else's container was touched")
        return found

    def _seen_of_strangers(self) -> list[tuple[str, str]]:
        """Not whether they run: an engine's restart stops them."""
        return [(row.name, row.id) for row in self._world.engine.list_containers() if row.name in STRANGERS]
