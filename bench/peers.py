"""The peers: how others do the same work, as programs with their arguments. Each is asked whether it is there.

Compose and Swarm come with Docker; Ansible is made by ``make bench`` in an environment of its own, from
``requirements-bench.lock``, where it can be.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from bench.ground import Ground, peers_environment
from bench.model import Sample
from bench.programs import ROOT
from bench.turns import Turn
from reconciler.compose.program import find
from tests.parts.engine import PrivateEngine
from tests.parts.images import PublishedImage

ANSIBLE: Final = ROOT / ".work" / "bench-venv"
LOCK: Final = ROOT / "requirements-bench.lock"
BRIDGE: Final = "docker_gwbridge"


@dataclass(frozen=True, kw_only=True)
class Peers:
    """Programs on the peers' engine; ``folder`` is for their files."""

    ground: Ground
    folder: Path

    @property
    def engine(self) -> PrivateEngine:
        return self.ground.peers_engine

    def turn(self, *argv: str) -> Turn:
        """A turn of a program on the peers' engine."""
        return lambda: self.run(*argv)

    def run(self, *argv: str) -> Sample:
        return self.ground.programs.run(argv, environment=peers_environment(self.engine), folder=self.folder)

    def docker(self, *words: str) -> tuple[str, ...]:
        """The docker command with these words."""
        return (self.engine.program.docker, *words)

    def compose(self, *words: str) -> tuple[str, ...]:
        """Compose with these words, on the project in this folder."""
        return (find(os.environ), "--file", str(self.folder / "compose.yaml"), *words)

    def project(self, services: Mapping[str, Mapping[str, Any]], *, stack: bool = False) -> None:
        """Write the Compose file; ``stack``: as ``docker stack`` wants it."""
        head = {"version": "3.8"} if stack else {}
        path = self.folder / ("stack.yaml" if stack else "compose.yaml")
        path.write_text(yaml.safe_dump({**head, "services": services}))

    def playbook(self, containers: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
        """Write a playbook that asks for containers; the command that runs it."""
        task = {
            "name": "a container",
            "community.docker.docker_container": "{{ item }}",
            "loop": [{"docker_host": self.engine.url, **item} for item in containers],
        }
        interpreter = {"ansible_python_interpreter": str(ANSIBLE / "bin" / "python")}
        play = {
            "hosts": "localhost",
            "connection": "local",
            "gather_facts": False,
            "vars": interpreter,
            "tasks": [task],
        }
        path = self.folder / "playbook.yaml"
        path.write_text(yaml.safe_dump([play]))
        return (str(ANSIBLE / "bin" / "ansible-playbook"), "-i", "localhost,", str(path))


def peers(ground: Ground, name: str) -> Peers:
    """With a folder of its own, and a project of that name."""
    folder = ground.folder / f"peers-{name}"
    folder.mkdir(parents=True)
    return Peers(ground=ground, folder=folder)


def service(image: PublishedImage, **more: Any) -> dict[str, Any]:
    """What our documents ask for, in Compose's words: also on the engine's own bridge."""
    usual = {"environment": {"GREETING": "hello"}, "restart": "unless-stopped", "network_mode": "bridge"}
    return {"image": image.reference, **usual, **more}


def stack_service(image: PublishedImage, **more: Any) -> dict[str, Any]:
    """The same in the words of ``docker stack``."""
    return {"image": image.reference, "environment": {"GREETING": "hello"}, **more}


def ansible_container(name: str, image: PublishedImage, **more: Any) -> dict[str, Any]:
    """The same in Ansible's."""
    return {
        "name": name,
        "image": image.reference,
        "env": {"GREETING": "hello"},
        "restart_policy": "unless-stopped",
        "state": "started",
        **more,
    }


def swarm(ground: Ground) -> str:
    """Make the peers' engine a swarm of one. Why it is none, "" when it is."""
    engine = ground.peers_engine
    had = Path(f"/sys/class/net/{BRIDGE}").exists()
    words = ("swarm", "init", "--advertise-addr", "127.0.0.1", "--listen-addr", "127.0.0.1:0")
    done = subprocess.run(
        [engine.program.docker, *words],
        env={**peers_environment(engine)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    if not had:
        ground.stack.callback(_remove_bridge)
    already = "already part of a swarm" in done.stderr
    return "" if done.returncode == 0 or already else done.stderr.strip().splitlines()[-1]


def _remove_bridge() -> None:
    """The bridge that a swarm makes is the host's, not the engine's: nobody else takes it away."""
    if Path(f"/sys/class/net/{BRIDGE}").exists():
        subprocess.run(["ip", "link", "delete", BRIDGE], check=False, timeout=10)


def ansible() -> str:
    """Make Ansible's environment where it is missing. Why it cannot be had, "" when it is there."""
    if not (ANSIBLE / "bin" / "ansible-playbook").exists():
        steps = (
            [sys.executable, "-m", "venv", "--clear", str(ANSIBLE)],
            [
                str(ANSIBLE / "bin" / "python"), "-m", "pip", "-qq", "--disable-pip-version-check", "install",
                "--no-deps", "--require-hashes", "--only-binary=:all:", "--requirement", str(LOCK),
            ],
        )  # fmt: skip
        for step in steps:
            done = subprocess.run(step, capture_output=True, text=True, check=False, timeout=600)
            if done.returncode:
                return (
                    f"pip cannot install {LOCK.name}: {done.stderr.strip().splitlines()[-1:] or done.returncode}"
                )
    return ""
