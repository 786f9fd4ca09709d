"""A whole fleet for tests: orchestrator and agent, each the real program, and people with real commands."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from reconciler.cli.fleet_client import FleetClient, open_fleet
from reconciler.cli.task import OVER
from tests.e2e.documents import as_yaml, merged
from tests.e2e.stage import Controller, Said, Stage, eventually, killed_at_last
from tests.parts.ports import free_port
from tests.parts.warm import Process

HOST = "host-a"
SOON_S = 40.0
"""An agent that has lost its orchestrator comes back after a while that is drawn by chance."""


@dataclass(kw_only=True)
class WholeFleet:
    """``stage`` is the host; ``polling``: its agent asks by requests alone. ``interval`` between heartbeats."""

    stage: Stage
    polling: bool
    interval: int = 1
    port: int = field(default_factory=free_port)
    desk_port: int = field(default_factory=free_port)
    monitor_port: int = field(default_factory=free_port)

    def __post_init__(self) -> None:
        self.move(self.stage.folder / "orchestrator")

    def move(self, home: Path) -> None:
        """From now on the orchestrator's folder is this one."""
        self.home = home
        self.stage.settings |= {
            "RECONCILER_HOME": str(home),
            "RECONCILER_FLEET": str(home / "admin" / "fleet.json"),
        }

    @property
    def client(self) -> FleetClient:
        """The API, as the admin asks it."""
        return open_fleet(self.home / "admin" / "fleet.json")

    # ---- on the orchestrator's host

    def create(self) -> None:
        listen = ("--listen", f"127.0.0.1:{self.port}", "--enroll", f"127.0.0.1:{self.desk_port}")
        self.done("orchestrator", "init", "--name", "127.0.0.1", *listen)

    @contextmanager
    def orchestrator(self) -> Iterator[Process]:
        """``reconciler orchestrator run``, ready; ended by SIGTERM with exit status 0, unless it was killed."""
        log = self.stage.folder / f"orchestrator-{time.monotonic_ns()}.log"
        words = ("orchestrator", "run", "--interval", str(self.interval))
        monitor = ("--monitor", f"127.0.0.1:{self.monitor_port}")
        with log.open("wb") as output:
            process = self.stage.programs.start(
                *words,
                *monitor,
                environment=self.stage.environment(),
                folder=self.stage.folder,
                out=output.fileno(),
                err=output.fileno(),
            )
        watched = Controller(process=process, log=log, address=f"127.0.0.1:{self.monitor_port}")
        try:
            with killed_at_last(process):
                eventually("the orchestrator is ready", watched.ready)
                yield process
                if process.poll() is None:
                    watched.stop()
        finally:
            self.stage.ended(process.returncode)
            self.stage.said.append(log.read_text())

    def write(self, version: str, *, file: str = "web.yaml", target: str = HOST, **spec: Any) -> None:
        """A document for the host in the orchestrator's folder."""
        draft = self.home / "desired" / f".{file}.draft"
        draft.write_text(self.text(version, target=target, **spec))
        draft.replace(self.home / "desired" / file)

    def text(self, version: str, *, target: str = HOST, **spec: Any) -> str:
        """The web app's document, without a value that nobody but the host may have."""
        made = self.stage.web(version, **merged({"config": {"environment": None}}, spec))
        return as_yaml({**made, "metadata": {**made["metadata"], "target": target}})

    # ---- on the agent's host

    def enroll(self) -> None:
        token = self.stage.folder / "token"
        token.write_text(self.done("orchestrator", "token", "--target", HOST, "--ttl", "1h").stdout.split()[0])
        at = (f"https://127.0.0.1:{self.port}", "--enroll-at", f"https://127.0.0.1:{self.desk_port}")
        self.done("agent", "enroll", "--server", *at, "--token-file", str(token))

    @contextmanager
    def agent(self, **variables: str) -> Iterator[Controller]:
        """``reconciler agent run``, connected or not."""
        how = {"RECONCILER_POLLING": str(self.polling).lower(), "RECONCILER_RESYNC": "2", **variables}
        with self.stage.started("agent", "run", **how) as running:
            eventually("the agent is ready", running.ready)
            yield running

    def serves(self, version: str, *, within_s: float = SOON_S) -> None:
        eventually(f"{version} serves", lambda: self.stage.page() == f"web {version}", within_s=within_s)

    # ---- as a person

    def done(self, *words: str) -> Said:
        """A command that ends with 0."""
        said = self.stage.reconciler(*words)
        assert said.returncode == 0, f"{words} exits {said.returncode}:\n{said.stdout}{said.stderr}"
        return said

    def submit(self, *words: str) -> str:
        """``task submit`` for the host: the task's id."""
        said = self.done("task", "submit", *words, "--target", HOST, "--json")
        (task,) = json.loads(said.stdout)["tasks"]
        return str(task["id"])

    def deploy(self, version: str, *words: str, **spec: Any) -> str:
        """``task submit deploy`` with the web app's document in a file."""
        file = self.stage.folder / f"deploy-{version}.yaml"
        file.write_text(self.text(version, **spec))
        return self.submit("deploy", "--file", str(file), *words)

    def task(self, task_id: str) -> Mapping[str, Any]:
        """As it is now."""
        found: Mapping[str, Any] = self.client.ask("GET", f"/v1/tasks/{task_id}")
        return found

    def ended(self, task_id: str, *, within_s: float = SOON_S) -> Mapping[str, Any]:
        """When it is over."""
        eventually(f"{task_id} is over", lambda: self.task(task_id)["state"] in OVER, within_s=within_s)
        return self.task(task_id)

    def ask(self, *words: str) -> Mapping[str, Any]:
        """Submit a task about the web app; its result."""
        found = self.ended(self.submit(*words, "--document", self.stage.name))
        result: Mapping[str, Any] = found["result"]
        return result

    def shown(self) -> Mapping[str, Any]:
        """The host's agent, as ``fleet status`` tells."""
        (agent,) = json.loads(self.done("fleet", "status", "--json").stdout)["agents"]
        found: Mapping[str, Any] = agent
        return found

    def reported(self, **facts: str) -> bool:
        """Whether the agent has told this of the web app."""
        found = self.client.ask("GET", f"/v1/agents/{HOST}")["documents"]
        told = {item["id"]: item for item in found}.get(self.stage.name, {})
        return all(told.get(key) == value for key, value in facts.items())

    def assert_audited(self, *deeds: str) -> None:
        """Both audit logs hold, and that of the orchestrator tells of these deeds."""
        self.done("audit", "verify")
        state = ("--state-dir", str(self.home))
        self.done("audit", "verify", *state)
        told = json.loads(self.done("audit", "show", *state, "--json").stdout)
        found = {item["action"] for item in told["entries"]}
        assert found.issuperset(deeds), found
