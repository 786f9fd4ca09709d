"""Actions on the Docker host."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from reconciler.core.action.base import ContainerRef, EngineAction, Sign
from reconciler.core.container import ContainerConfig, Mount, NetworkAttachment, RestartPolicy
from reconciler.core.delivery import SealedVariable
from reconciler.core.desired import ImageReference
from reconciler.core.hook import Hook, HookFacts


@dataclass(frozen=True, slots=True, kw_only=True)
class PullImage(EngineAction):
    """Have the image on the host, by digest."""

    kind: ClassVar[str] = "pull-image"
    sign: ClassVar[Sign] = "+"
    image: ImageReference

    @property
    def target(self) -> str:
        return str(self.image)


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyImage(EngineAction):
    """Check digest, image id (where one is recorded) and platform of the image on the host. Changes nothing
    on the host; the image id is noted in the history for the revision ``fingerprint`` (where one is given).
    """

    kind: ClassVar[str] = "verify-image"
    image: ImageReference
    image_id: str = ""
    fingerprint: str = ""

    @property
    def target(self) -> str:
        return str(self.image)


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveImage(EngineAction):
    """Remove an image reference that no kept revision needs (never forced)."""

    kind: ClassVar[str] = "remove-image"
    sign: ClassVar[Sign] = "-"
    optional: ClassVar[bool] = True
    image: ImageReference
    fingerprint: str

    @property
    def target(self) -> str:
        return str(self.image)


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateNetwork(EngineAction):
    """Have a bridge network of this name."""

    kind: ClassVar[str] = "create-network"
    sign: ClassVar[Sign] = "+"
    network: str

    @property
    def target(self) -> str:
        return self.network


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateContainer(EngineAction):
    """Create (not start) a container of the open operation and read it back."""

    kind: ClassVar[str] = "create-container"
    sign: ClassVar[Sign] = "+"
    container: ContainerRef
    image: ImageReference
    config: ContainerConfig
    labels: Mapping[str, str] = field(default_factory=dict)
    variables: tuple[SealedVariable, ...] = ()

    @property
    def target(self) -> str:
        return str(self.container)


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerAction(EngineAction):
    """Base of what is done to one existing container."""

    container: ContainerRef

    @property
    def target(self) -> str:
        return str(self.container)


@dataclass(frozen=True, slots=True, kw_only=True)
class RenameContainer(ContainerAction):
    kind: ClassVar[str] = "rename-container"
    sign: ClassVar[Sign] = "~"
    to: str

    @property
    def target(self) -> str:
        return f"{self.container} -> {self.to}"


@dataclass(frozen=True, slots=True, kw_only=True)
class SetRestartPolicy(ContainerAction):
    kind: ClassVar[str] = "set-restart-policy"
    sign: ClassVar[Sign] = "~"
    policy: RestartPolicy

    @property
    def target(self) -> str:
        return f"{self.container} = {self.policy}"


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateLimits(ContainerAction):
    """Set memory, swap, CPU and process limits in place; None leaves one as it is.

    0 lifts the process limit; memory and CPU limits cannot be lifted in place (the engine reads 0 as "as it is").
    """

    kind: ClassVar[str] = "update-limits"
    sign: ClassVar[Sign] = "~"
    memory_bytes: int | None = None
    memory_swap_bytes: int | None = None
    nano_cpus: int | None = None
    pids_limit: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectNetwork(ContainerAction):
    kind: ClassVar[str] = "connect-network"
    sign: ClassVar[Sign] = "~"
    network: NetworkAttachment

    @property
    def target(self) -> str:
        return f"{self.container} to {self.network.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class DisconnectNetwork(ContainerAction):
    kind: ClassVar[str] = "disconnect-network"
    sign: ClassVar[Sign] = "~"
    network: str

    @property
    def target(self) -> str:
        return f"{self.container} from {self.network}"


@dataclass(frozen=True, slots=True, kw_only=True)
class StartContainer(ContainerAction):
    kind: ClassVar[str] = "start-container"
    sign: ClassVar[Sign] = "~"


@dataclass(frozen=True, slots=True, kw_only=True)
class UnpauseContainer(ContainerAction):
    kind: ClassVar[str] = "unpause-container"
    sign: ClassVar[Sign] = "~"


@dataclass(frozen=True, slots=True, kw_only=True)
class StopContainer(ContainerAction):
    """Stop with the container's own signal; ``timeout_s`` None: the container's own, else the engine's 10 s."""

    kind: ClassVar[str] = "stop-container"
    sign: ClassVar[Sign] = "~"
    timeout_s: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitHealthy(ContainerAction):
    """Wait until the container is healthy and has stayed so for ``min_healthy_ms``. Changes nothing.

    ``completes``: ending with 0 counts as healthy (restart policy ``no`` or ``on-failure``).
    """

    kind: ClassVar[str] = "wait-healthy"
    timeout_ms: int
    min_healthy_ms: int
    completes: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveContainer(ContainerAction):
    """Remove a container. ``volumes`` also removes its anonymous volumes (only what never served). ``beside`` is
    the name of another that must still be there: without it this one is the last that holds what both held.
    """

    kind: ClassVar[str] = "remove-container"
    sign: ClassVar[Sign] = "-"
    volumes: bool = False
    beside: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunHook(EngineAction):
    """Run a hook of the open operation in its sandbox, to its end. ``beside`` is the container whose network it
    shares; of a Compose project it is known by name, and ``project`` is whose it must be. ``mounts`` are those of
    the secrets that the hook is given as files, ``variables`` those to open for its environment.
    """

    kind: ClassVar[str] = "run-hook"
    sign: ClassVar[Sign] = "~"
    hook: Hook
    facts: HookFacts
    beside: ContainerRef | None = None
    project: str = ""
    mounts: tuple[Mount, ...] = ()
    variables: tuple[SealedVariable, ...] = ()

    @property
    def target(self) -> str:
        return f"{self.document} {self.hook.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class TryHook(RunHook):
    """The same of a hook whose failure its document ignores: it is told, and the plan goes on."""

    optional: ClassVar[bool] = True
    ignored: ClassVar[bool] = True


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveHook(ContainerAction):
    """Remove the container of a hook that outlived the process that ran it, whatever state it is in."""

    kind: ClassVar[str] = "remove-hook"
    sign: ClassVar[Sign] = "-"
    optional: ClassVar[bool] = True
