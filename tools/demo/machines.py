"""The stage of the fleet's demo: four machines in network namespaces of this one, an engine on each of three."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from reconciler.cli.fleet_client import open_fleet
from tests.parts.engine import PrivateEngine
from tests.parts.namespace import Namespace, Switch
from tests.parts.standard_images import StandardImages
from tools.demo.teller import COLOUR, ROOT, Teller, fetch, paint, say

PORT, ENROLL_PORT, MONITOR_PORT = 8443, 8444, 9465
WEB, SHOP = 8080, 8081
"""Host ports, the same on every machine: each has its own."""


@dataclass(slots=True, kw_only=True)
class Machine:
    """One host: its network, its engine, its folder."""

    name: str
    network: Namespace
    engine: PrivateEngine
    folder: Path

    @property
    def environment(self) -> dict[str, str]:
        """For every command on this host."""
        return {
            **plain(),
            "RECONCILER_ENGINE": self.engine.url,
            "DOCKER_HOST": self.engine.url,
            "RECONCILER_DESIRED": str(self.folder / "desired"),
            "RECONCILER_STATE_DIR": str(self.folder / "state"),
            "RECONCILER_LISTEN": "127.0.0.1:9464",
            "RECONCILER_RESYNC": "5",
        }

    def page(self, port: int) -> str:
        """What its web app says, asked from here: "" where it cannot be reached."""
        return fetch(f"http://{self.network.address}:{port}/").strip()

    def page_within(self, port: int) -> str:
        """The same, asked on the host itself, also while its network is cut."""
        command = [*self.network.inside, sys.executable, "-c", _FETCH, f"http://127.0.0.1:{port}/"]
        return subprocess.run(command, capture_output=True, text=True, check=False, env=plain()).stdout.strip()

    def docker(self, *words: str) -> str:
        """The real docker command, on this host."""
        say(paint("36", f"    {self.name}$ docker {' '.join(words)}"))
        done = subprocess.run(["docker", *words], env=self.environment, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    @property
    def log(self) -> str:
        """What its agent has said."""
        return (self.folder / "agent.log").read_text()


_FETCH = "import sys, urllib.request; print(urllib.request.urlopen(sys.argv[1], timeout=2).read().decode())"


@dataclass(slots=True, kw_only=True)
class Town(Teller):
    """``machines`` by their names; the orchestrator's folder is ``home``."""

    folder: Path
    switch: Switch
    images: StandardImages
    machines: dict[str, Machine] = field(default_factory=dict)

    @property
    def home(self) -> Path:
        """The orchestrator's folder."""
        return self.folder / "orchestrator"

    @property
    def environment(self) -> dict[str, str]:
        """For every command on the orchestrator's machine."""
        fleet = self.home / "admin" / "fleet.json"
        return {**plain(), "RECONCILER_HOME": str(self.home), "RECONCILER_FLEET": str(fleet)}

    def reconciler(self, *words: str) -> tuple[int, str]:
        """Our command line, where people operate the fleet."""
        return self.command(words, self.environment)

    def on(self, machine: Machine, *words: str) -> tuple[int, str]:
        """Our command line, on one host."""
        return self.command(words, machine.environment, who=machine.name)

    def quietly(self, *words: str) -> str:
        """What a command of an operator prints, without a word about it."""
        command = [sys.executable, "-m", "reconciler", *words]
        return subprocess.run(command, env=self.environment, capture_output=True, text=True, check=False).stdout

    def ask(self, method: str, path: str, *, body: Any = None) -> Any:
        """The orchestrator's API, as its admin."""
        return open_fleet(self.home / "admin" / "fleet.json").ask(method, path, body=body)

    @contextmanager
    def orchestrator(self) -> Iterator[None]:
        """``reconciler orchestrator run`` in the background."""
        words = ("orchestrator", "run", "--interval", "1", "--monitor", f"127.0.0.1:{MONITOR_PORT}")
        with _background((), words, self.environment, self.folder / "orchestrator.log"):
            yield

    @contextmanager
    def agent(self, machine: Machine) -> Iterator[None]:
        """``reconciler agent run`` on a host, in the background."""
        inside = machine.network.inside
        with _background(inside, ("agent", "run"), machine.environment, machine.folder / "agent.log"):
            yield


def plain() -> dict[str, str]:
    """Our environment, without settings of ours."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("RECONCILER_")}
    return {**kept, **({} if COLOUR else {"NO_COLOR": "1"}), "PYTHONPATH": str(ROOT)}


@contextmanager
def _background(
    inside: tuple[str, ...], words: tuple[str, ...], environment: dict[str, str], log: Path
) -> Iterator[None]:
    """A program of ours, in a session of its own, so that Ctrl-C reaches the demo alone; ended by SIGTERM."""
    command = [*inside, sys.executable, "-m", "reconciler", *words]
    with log.open("ab") as output:
        process = subprocess.Popen(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
