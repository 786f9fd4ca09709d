"""Where a command runs: in the document's own container, or in a throw-away one of the same image. Each begins it,
tells how it ended, and can end it for good, with all that it has begun.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final, Protocol

from reconciler.agent.processes import Processes
from reconciler.core import names
from reconciler.core.container import ContainerConfig
from reconciler.core.hook import NETWORK_OF_CONTAINER, NO_NETWORK, Hook, sandbox
from reconciler.core.image import ImageReference
from reconciler.core.observation import ALIVE
from reconciler.engine.client import DockerEngine
from reconciler.engine.commands import Saying
from reconciler.errors import EngineUnavailable, NotFound, ReconcilerError, VerificationFailed
from reconciler.executors.read_back import dropped_fields, missing_labels

MARK: Final = "STELLA_TASK"
END_S: Final = 10.0
"""How long processes may take to be gone after they were killed."""


class CommandPlace(Protocol):
    """All methods block, and raise what the engine raises."""

    container: str
    """Name of the container, for people."""

    @property
    def environment(self) -> Mapping[str, str]:
        """Of the container; its secrets are masked in what is told."""

    def begin(self) -> Saying:
        """Begin it; what it says."""

    def exit_code(self) -> int | None:
        """None while it runs. Raises EngineUnavailable where nobody can tell any more."""

    def end(self) -> bool:
        """Have nothing of it left; whether that is so."""


@dataclass(slots=True, kw_only=True)
class InContainer:
    """In a container that runs. ``mark``: the value by which its processes are known."""

    engine: DockerEngine
    processes: Processes
    container_id: str
    container: str
    argv: Sequence[str]
    mark: str
    environment: Mapping[str, str] = field(repr=False)
    _command: str = ""

    @property
    def can_be_ended(self) -> bool:
        """Whether the container's processes are seen from here: the engine has no way to end a command."""
        return self.processes.sees(self.engine.main_process(self.container_id), self.container_id)

    def begin(self) -> Saying:
        self._command = self.engine.prepare_command(self.container_id, self.argv, {MARK: self.mark})
        return self.engine.begin_command(self._command)

    def exit_code(self) -> int | None:
        state = self.engine.command_state(self._command)
        if state is None:
            raise EngineUnavailable(f"{self.container} is gone, and nobody saw how the command in it ended")
        return None if state.running else state.exit_code

    def end(self) -> bool:
        return self.processes.end(f"{MARK}={self.mark}", within_s=END_S)


@dataclass(slots=True, kw_only=True)
class InSandbox:
    """In a container of its own, as hooks have one. ``beside``: id of the container whose network it shares."""

    engine: DockerEngine
    container: str
    image: ImageReference
    argv: tuple[str, ...]
    labels: Mapping[str, str]
    beside: str = ""
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    _id: str = ""

    def begin(self) -> Saying:
        image = self.engine.inspect_image(str(self.image))
        if image is None:
            raise NotFound(f"the image {self.image.short} is not on the host any more")
        network = NETWORK_OF_CONTAINER if self.beside else NO_NETWORK
        hook = Hook(name="postDeploy", command=self.argv, image=self.image, network=network)
        config = sandbox(hook, {}, image_volumes=image.volumes)
        self._id = self.engine.create_sandbox(
            self.container, image=self.image, config=config, labels=self.labels, beside=self.beside
        )
        self._read_back(config)
        self.engine.start(self._id)
        return self.engine.follow(self._id)

    def exit_code(self) -> int | None:
        found = self.engine.inspect_container(self._id)
        if found is None:
            raise EngineUnavailable(f"{self.container} was removed, and nobody saw how the command in it ended")
        return None if found.status in ALIVE else found.exit_code

    def end(self) -> bool:
        return not self._id or remove(self.engine, self._id)

    def _read_back(self, config: ContainerConfig) -> None:
        """A sandbox that the engine did not make as it was asked for is none."""
        found, image = self.engine.inspect_container(self._id), self.engine.inspect_image(str(self.image))
        wrong = ["container"]
        if found is not None:
            wrong = [
                *dropped_fields(config, found.config, image=image, engine=self.engine.known_facts()),
                *missing_labels(self.labels, found.config.labels),
            ]
        if wrong:
            raise VerificationFailed(
                f"created a sandbox for the command, but the engine did not take: {', '.join(wrong)}",
                hint="this engine or its kernel cannot confine it; nothing of it was run",
            )


def remove(engine: DockerEngine, container_id: str) -> bool:
    """Have it gone, whatever it does; whether it is."""
    with suppress(ReconcilerError):
        engine.stop(container_id, timeout_s=0)
        engine.remove(container_id, volumes=True)
        return engine.inspect_container(container_id) is None
    return False


def leftovers(engine: DockerEngine, owner: str) -> dict[str, str]:
    """Containers of commands of this installation, and their tasks. Raises EngineUnavailable."""
    return {
        row.id: row.labels[names.COMMAND]
        for row in engine.list_containers()
        if names.is_command(row.name, row.labels, owner=owner)
    }
