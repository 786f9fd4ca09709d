"""The town: many documents on one engine, one running controller, and what stands between them and the world.

Owns the processes and the files; which deeds are done to them, and what must hold afterwards, is for others.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.chaos.citizen import KINDS, Citizen
from tests.chaos.wishes import Wishes, locked
from tests.e2e.compose.project_stage import ProjectStage
from tests.e2e.compose.shop import Catalogue
from tests.e2e.stage import Stage
from tests.parts.host import wait_until
from tests.parts.ports import free_port, listened_on
from tests.parts.registry_proxy import RegistryProxy
from tests.parts.socket_proxy import SocketProxy
from tests.parts.warm import Process

STRANGERS = 5
STOPS_WITHIN_S = 30.0


@dataclass(slots=True)
class Town:
    """``stage``'s folder, engine and images; ``registry`` and ``proxy`` are on the controller's ways."""

    stage: Stage
    registry: RegistryProxy
    proxy: SocketProxy
    citizens: list[Citizen]
    wishes: Wishes
    kills: int = 0
    running: Process | None = None
    leaving: Process | None = None
    """The controller that was told to stop."""
    log: Path = field(init=False)

    def __post_init__(self) -> None:
        self.log = self.stage.folder / "controller.log"

    def write(self, citizen: Citizen) -> None:
        """Its file, as it should be."""
        wish = self.wishes.of(citizen, self.stage.sticker(citizen.name))
        self.stage.write(wish, file=self.file(citizen))

    def file(self, citizen: Citizen) -> str:
        """Name of its file."""
        return f"{citizen.name}.yaml"

    def start(self, **variables: str) -> None:
        """Start the controller, if it does not run."""
        if self.running is not None and self.running.poll() is None:
            return
        self._count()
        with self.log.open("ab") as output:
            environment = {
                **self.stage.environment(self.proxy.url),
                "RECONCILER_RESYNC": "5",
                "RECONCILER_ENGINE_TIMEOUT": "10",
                **variables,
            }
            handle = output.fileno()
            self.running = self.stage.programs.start(
                "run", environment=environment, folder=self.stage.folder, out=handle, err=handle
            )

    def _count(self) -> None:
        """One that ended by SIGKILL, ours or at a fail point."""
        self.kills += self.running is not None and self.running.poll() == -signal.SIGKILL
        self.running = None

    def signal(self, number: signal.Signals) -> None:
        """Send it one, if it runs."""
        if self.running is not None and self.running.poll() is None:
            os.kill(self.running.pid, number)
            self.leaving = self.running if number == signal.SIGTERM else self.leaving

    def stop(self) -> None:
        """SIGTERM, and an end in order."""
        if self.running is None or self.running.poll() is not None:
            return
        self.signal(signal.SIGCONT)
        if self.leaving is not self.running:  # told once more when all is done, a program ends by the signal
            self.signal(signal.SIGTERM)
        assert self.running.wait(STOPS_WITHIN_S) == 0, f"the controller ended with {self.running.returncode}"

    def kept_ports(self) -> set[int]:
        """Host ports that somebody listens on though no container publishes them: an engine that is killed while
        it starts a container may hold its port until it is started anew (moby/libnetwork#1790).
        """
        published = {port.get("PublicPort") for row in self.stage.sdk.containers() for port in row["Ports"]}
        return {citizen.port for citizen in self.citizens} & listened_on() - published

    def statuses(self) -> dict[str, dict[str, Any]]:
        """``status --json`` by name; {} while it cannot be had."""
        return self._told("status")

    def planned(self) -> dict[str, str]:
        """What would be done, by document: one that was rolled back says nothing in its status of what somebody
        has changed since, and is put right all the same.
        """
        plans = self._told("plan")
        if not plans:
            return {"plan": "cannot be had"}
        return {
            name: ", ".join(action["kind"] for action in plan["actions"])
            for name, plan in plans.items()
            if plan["actions"]
        }

    def _told(self, command: str) -> dict[str, dict[str, Any]]:
        done = self.stage.reconciler(command, "--json")
        with contextlib.suppress(ValueError, KeyError):
            return {item["name"]: item for item in json.loads(done.stdout)["documents"]}
        return {}


@contextlib.contextmanager
def built(stage: Stage, images: Catalogue, *, documents: int) -> Iterator[Town]:
    """A town of so many documents, all of them deployed, and some strangers."""
    stage.sdk.pull(stage.images.plain.reference)
    for number in range(STRANGERS):
        name = f"stranger-{number}"
        made = stage.sdk.create_container(stage.images.plain.reference, name=name)
        stage.sdk.start(made["Id"])
    citizens = [
        Citizen(name=f"c{number:03}", kind=KINDS[number % len(KINDS)], port=free_port())
        for number in range(documents)
    ]
    upstream = stage.images.web_v1.repository.partition("/")[0]
    with RegistryProxy(upstream) as registry, SocketProxy(stage.engine.socket) as proxy:
        wishes = Wishes(
            images=images,
            registry=registry.address,
            folder=stage.folder,
            canary=stage.canary,
            sealed=stage.sealed("a word for the guarded"),
            locks=locked(ProjectStage(stage=stage, images=images, word="projects"), registry.address),
        )
        town = Town(stage=stage, registry=registry, proxy=proxy, citizens=citizens, wishes=wishes)
        for citizen in citizens:
            town.write(citizen)
        town.start()
        try:
            yield town
        finally:
            town.signal(signal.SIGCONT)
            if town.running is not None and town.running.poll() is None:
                town.running.kill()
                wait_until(lambda: town.running is None or town.running.poll() is not None, seconds=5)
            stage.said.append(town.log.read_text(errors="replace"))
