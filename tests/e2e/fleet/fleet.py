"""A fleet of one for tests: a stage with an agent as a program of its own, and its orchestrator."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from reconciler.protocol.message.payload import DeployPayload, ReleaseName
from reconciler.protocol.message.result import TaskResult
from reconciler.protocol.message.task import AgentTask
from tests.agent.orchestrator import Orchestrator
from tests.e2e.documents import as_yaml, merged
from tests.e2e.stage import Controller, Stage, eventually


@dataclass
class Fleet:
    """One host with an agent, and its orchestrator."""

    stage: Stage
    orchestrator: Orchestrator

    def enroll(self) -> None:
        token = self.stage.folder / "token"
        token.write_text(self.orchestrator.token())
        servers = ("--server", self.orchestrator.url, "--enroll-at", self.orchestrator.desk_url)
        said = self.stage.reconciler("agent", "enroll", *servers, "--token-file", str(token))
        assert said.returncode == 0, said.stderr

    def permit(self, **words: Any) -> None:
        """The host's word on what its agent may be asked for; an agent heeds it that is started from now on."""
        policy = self.stage.folder / "agent.yaml"
        policy.write_text(as_yaml({"version": 1, **words}))
        policy.chmod(0o600)
        self.stage.settings["RECONCILER_AGENT_POLICY"] = str(policy)

    @contextmanager
    def agent(self, **variables: str) -> Iterator[Controller]:
        with self.stage.started("agent", "run", RECONCILER_RESYNC="2", **variables) as running:
            eventually("the agent is ready", running.ready)
            yield running

    def text(self, version: str, **spec: Any) -> str:
        """The web app as the orchestrator wishes for it: without a value that nobody but the host may have."""
        made = self.stage.web(version, config={"environment": None}, **spec)
        return as_yaml({**made, "metadata": {**made["metadata"], "target": self.orchestrator.agent}})

    def assign(self, version: str, **changes: Any) -> None:
        self.orchestrator.assign(self.stage.name, self.text(version), **changes)

    def deploy(self, version: str, *, spec: dict[str, Any] | None = None, **changes: Any) -> AgentTask:
        over = merged({"config": {"environment": None}}, spec or {})
        spec = self.stage.web(version, **over)["spec"]
        payload = DeployPayload(
            document_kind="Container",
            release=ReleaseName(spec["release"]["id"]),
            image=spec.pop("image"),
            digest=spec.pop("digest"),
            config=spec.pop("config"),
            spec={key: item for key, item in spec.items() if key != "release"},
        )
        return self.orchestrator.ask("deploy", payload, document=self.stage.name, **changes)

    def ask(self, type: str, payload: Any, **changes: Any) -> TaskResult:  # noqa: A002
        task = self.orchestrator.ask(type, payload, document=self.stage.name, **changes)
        return self.orchestrator.result(task)

    def shows(self, version: str) -> None:
        eventually(f"{version} serves", lambda: self.stage.page() == f"web {version}")
