"""The model's host on a real engine: the program as a person runs it, and the real registry behind a proxy."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from reconciler.config import load_settings
from reconciler.controller.app import open_service
from reconciler.controller.service import Service
from tests.e2e.documents import document
from tests.e2e.oracle import Oracle
from tests.e2e.stage import COMMAND_S, Stage, unheard
from tests.model.host import Deed, Edge, Wish
from tests.parts.registry_proxy import Lie, RegistryProxy, everything, refuse
from tests.parts.socket_proxy import SocketProxy
from tests.parts.standard_images import WEB_PORT

MOST_TRIES: Final = 6
BY_HAND: Final[dict[Deed, tuple[str, ...]]] = {
    "stop": ("stop", "-t", "1", "NAME"),
    "kill": ("kill", "NAME"),
    "remove": ("rm", "-f", "NAME"),
    "pause": ("pause", "NAME"),
    "rename": ("rename", "NAME", "NAME-elsewhere"),
    "memory": ("update", "--memory", "128m", "--memory-swap", "128m", "NAME"),
    "restart-policy": ("update", "--restart", "no", "NAME"),
    "remove-image": ("image", "prune", "-af"),
}
_NUMBERS: Final = itertools.count(1)


class RealHost:
    """See ``Host``. ``stage`` has an engine that may be restarted; what is on it when a host is made is somebody
    else's. A folder whose last file goes is taken for an accident, so there must be another document in it.
    ``tell`` hears every step, and what the oracle finds: no second life goes the same way.
    """

    def __init__(
        self, stage: Stage, registry: RegistryProxy, proxy: SocketProxy, tell: Callable[[str], None]
    ) -> None:
        self._stage = stage
        self._tell = tell
        self._registry = registry
        self._proxy = proxy
        self._name = f"{stage.prefix}-life-{next(_NUMBERS)}"
        self._oracle = Oracle(stage, proxy)

    def want(self, wish: Wish) -> None:
        self._tell(f"{self._name}: {wish}")
        stage = self._stage
        image = stage.image("v3" if not wish.good else f"v{2 - wish.release % 2}")
        image = dataclasses.replace(
            image, repository=f"{self._registry.address}/{image.repository.partition('/')[2]}"
        )
        config = {
            "ports": [f"127.0.0.1:{stage.port}:{WEB_PORT}"],
            "environment": {"APP_PASSWORD": stage.canary, "LEVEL": str(wish.level)},
            "memoryLimit": "64Mi",
            "healthCheck": {"timeout": "3s" if not wish.good else "20s"},
        }
        text = document(
            self._name,
            image,
            str(wish.release),
            config=config,
            sticker={"path": str(self._sticker)},
            deletionPolicy="delete",
        )
        stage.write(text, file=self._file)

    @property
    def _file(self) -> str:
        return f"{self._name}.yaml"

    @property
    def _sticker(self) -> Path:
        return self._stage.sticker(self._name)

    def do(self, deed: Deed) -> None:
        self._tell(f"{self._name}: {deed}")
        match deed:
            case "engine-restart":
                self._stage.engine.restart()
            case "garble-sticker" if self._sticker.exists():
                self._sticker.write_text("{")
            case "garble-sticker" | "remove-sticker":
                self._sticker.unlink(missing_ok=True)
            case _:
                self._by_hand(deed)

    def _by_hand(self, deed: Deed) -> None:
        """An engine refuses what is not possible now."""
        words = [word.replace("NAME", self._name) for word in BY_HAND[deed]]
        docker = self._stage.engine.program.docker
        environment = self._stage.environment()
        subprocess.run([docker, *words], env=environment, capture_output=True, timeout=COMMAND_S, check=False)

    def registry(self, *, away: bool) -> None:
        self._tell(f"the registry is {'away' if away else 'there'}")
        self._registry.tell(*([Lie(everything, refuse(503))] if away else []))

    def settle(self) -> None:
        self._tell(f"{self._name}: apply")
        with self._service() as service:
            service.apply((self._name,), progress=unheard)

    def settle_killed(self, number: int, edge: Edge) -> None:
        self._tell(f"{self._name}: apply, killed {edge} Action {number}")
        self._stage.reconciler("apply", self._name, RECONCILER_FAIL_AT=f"{edge}:{number}")

    def calm(self) -> None:
        self.registry(away=False)
        for _ in range(MOST_TRIES):
            with self._service() as service:
                service.apply((self._name,), progress=unheard)
                (plan,) = service.plans((self._name,))
                held = service.record(self._name).held
                if not (held or plan.actions):
                    return
                if held:
                    service.clear(self._name)

    def prune(self) -> None:
        self._tell(f"{self._name}: prune")
        (self._stage.desired / self._file).unlink()
        with self._service() as service:
            service.prune((self._name,), progress=unheard)

    def committed(self) -> tuple[int, int]:
        with self._service() as service:
            record = service.record(self._name)
        revision = record.committed_revision
        return (int(revision.release.id) if revision else 0), record.generation

    def quarantined(self) -> bool:
        with self._service() as service:
            return service.status((self._name,))[0].quarantined != ""

    def troubles(self) -> list[str]:
        if not self.committed()[0]:
            return [f"{name} is {state}" for name, state in self._own().items() if state == "running"]
        try:
            self._oracle.holds(name=self._name)
        except AssertionError as violated:
            self._tell(f"{self._name}: {violated}")
            return str(violated).splitlines()
        return []

    def _own(self) -> dict[str, str]:
        return self._stage.ours(self._name)

    @contextlib.contextmanager
    def _service(self) -> Iterator[Service]:
        stage = self._stage
        settings = load_settings({}, environment=stage.environment(), folder=stage.folder, file=None, root=True)
        with open_service(settings, exclusive=True) as service:
            yield service
