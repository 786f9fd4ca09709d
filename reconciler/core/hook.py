"""Hook: a user's command that runs before or after a deploy, and the sandbox that it runs in. Pure values.

What a hook may do is decided here, once: everything is denied unless its document asks for it, and what a
document cannot ask for (capabilities, host paths, a writable root, more than a bounded log) is not in a Hook at
all. Who may ask for what is the host policy's affair; when a hook runs is decided in ``hook_rules``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from reconciler.core.canonical import canonical_json, declared
from reconciler.core.container import (
    ContainerConfig,
    HealthProbe,
    Logging,
    Mount,
    NetworkAttachment,
    RestartPolicy,
)
from reconciler.core.delivery import Delivery, SealedVariable
from reconciler.core.image import ImageReference

HookName = Literal["preDeploy", "postDeploy", "preRollback"]
FailurePolicy = Literal["abort", "ignore"]

NO_NETWORK: Final = "none"
NETWORK_OF_CONTAINER: Final = "container"
NOT_NOW: Final = 75
"""The exit status by which a hook says "not now, try again later" (``EX_TEMPFAIL`` of sysexits.h)."""

NOBODY: Final = "65534:65534"
SCRATCH_BYTES: Final = 16 << 20
"""How much a hook can write to each place in memory that it has: ``/tmp``, ``/dev/shm``, volumes of its image."""

SCRATCH: Final = f"rw,nosuid,nodev,noexec,size={SCRATCH_BYTES},mode=1777"
LOG: Final = Logging("json-file", {"max-size": "1m", "max-file": "1"})
VARIABLES: Final = "STELLA_"
"""How the variables begin that every hook is given; a document sets none of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hook:
    """``image`` is the hook's own or the release's. ``network``: ``none``, ``container`` (the new container's own
    namespace) or the name of a network. ``service`` is whose container that is, in a project. ``deliveries`` and
    ``variables`` are the secrets that its document gives it, as files (each with its target) and as variables.
    """

    name: HookName
    command: tuple[str, ...]
    image: ImageReference
    service: str = ""
    timeout_ms: int = 60_000
    network: str = NO_NETWORK
    environment: Mapping[str, str] = field(default_factory=dict)
    user: str = NOBODY
    failure_policy: FailurePolicy = "abort"
    idempotent: bool = False
    memory_bytes: int = 64 << 20
    nano_cpus: int = 1_000_000_000
    pids_limit: int = 64
    mounts: tuple[Mount, ...] = ()
    deliveries: tuple[Delivery, ...] = ()
    variables: tuple[SealedVariable, ...] = ()

    @property
    def wish(self) -> str:
        """SHA-256 (hex) of what the hook does. How long it may take and what its failure means is not in it, nor
        are its secrets: an exchanged password is no reason to migrate once more.
        """
        parts = (self.name, self.command, str(self.image), self.service, self.network, self.environment, self.user)
        return hashlib.sha256(canonical_json(declared((*parts, self.mounts)))).hexdigest()

    @property
    def attached(self) -> str:
        """The network that its container joins by name; "" when it lives in another container's."""
        return "" if self.network == NETWORK_OF_CONTAINER else self.network


@dataclass(frozen=True, slots=True, kw_only=True)
class HookFacts:
    """What every hook is told of the release it runs for."""

    document: str
    release_id: str
    release_name: str
    digest: str
    previous_digest: str
    generation: int

    def variables(self, hook: HookName) -> dict[str, str]:
        """The environment variables that carry it."""
        return {
            "STELLA_DOCUMENT": self.document,
            "STELLA_RELEASE_ID": self.release_id,
            "STELLA_RELEASE_NAME": self.release_name,
            "STELLA_DIGEST": self.digest,
            "STELLA_PREVIOUS_DIGEST": self.previous_digest,
            "STELLA_GENERATION": str(self.generation),
            "STELLA_HOOK": hook,
        }


def sandbox(
    hook: Hook,
    variables: Mapping[str, str],
    *,
    image_volumes: Iterable[str] = (),
    delivered: tuple[Mount, ...] = (),
) -> ContainerConfig:
    """The container that a hook runs in. ``image_volumes`` are paths for which the engine would make a volume on
    disk: they are memory here, so that nothing that a hook writes is unbounded. ``delivered`` are the mounts of
    its secrets. The image's entrypoint, health check and stop signal have no say.
    """
    mounts = tuple(sorted((*hook.mounts, *delivered)))
    mounted = {item.target for item in mounts}
    scratch = {path: SCRATCH for path in ("/tmp", *image_volumes) if path not in mounted}  # noqa: S108 (in the sandbox)
    return ContainerConfig(
        entrypoint=hook.command[:1],
        command=hook.command[1:],
        user=hook.user,
        environment={**hook.environment, **variables},
        mounts=mounts,
        tmpfs=scratch,
        networks=(NetworkAttachment(hook.attached),) if hook.attached else None,
        restart_policy=RestartPolicy("no"),
        memory_bytes=hook.memory_bytes,
        memory_swap_bytes=hook.memory_bytes,
        nano_cpus=hook.nano_cpus,
        pids_limit=hook.pids_limit,
        cap_drop=("ALL",),
        read_only_root=True,
        no_new_privileges=True,
        privileged=False,
        init=True,
        stop_signal="SIGKILL",
        logging=LOG,
        shm_bytes=SCRATCH_BYTES,
        health=HealthProbe(test=("NONE",)),
    )
