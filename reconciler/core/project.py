"""Project: what a ComposeProject document asks for, as plain values.

The lock file was read and checked by ``spec``; here are its services in the same canonical form in which
containers are described and compared everywhere (``ContainerConfig``), beside the bytes of the files that are to
lie on the host. Names of networks, volumes and paths are the engine's: a Project can be compared with a host as
it is. Nothing here knows YAML, Compose's command line or a disk.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Literal

from reconciler.core.container import ContainerConfig
from reconciler.core.image import ImageReference

LOCK_NAME = "compose.stella.lock.yml"
"""What the lock file is called on the host, whatever it is called beside the document."""

PROJECT_LABEL = "com.docker.compose.project"
SERVICE_LABEL = "com.docker.compose.service"
NUMBER_LABEL = "com.docker.compose.container-number"
ONE_OFF_LABEL = "com.docker.compose.oneoff"
DIRECTORY_LABEL = "com.docker.compose.project.working_dir"
CONFIG_HASH_LABEL = "com.docker.compose.config-hash"
REPLACES_LABEL = "com.docker.compose.replace"
"""Labels that Docker Compose v2 puts on what it creates (docker/compose ``pkg/api/labels.go``)."""

NeedCondition = Literal["started", "healthy", "completed"]
FileKind = Literal["config", "secret", "bind"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Artifact:
    """A file that comes with a document. ``name`` is flat; ``source`` is where it lies beside the document, and
    ``sha256`` the hex digest of its content. Made by ``artifact``, so that the digest is true.
    """

    name: str
    sha256: str
    source: str = field(default="", compare=False)
    content: bytes = field(default=b"", compare=False, repr=False)


def artifact(name: str, content: bytes, *, source: str = "") -> Artifact:
    """An Artifact of this content."""
    return Artifact(name=name, sha256=hashlib.sha256(content).hexdigest(), source=source, content=content)


@dataclass(frozen=True, slots=True, order=True)
class Need:
    """Another service of the project that must be so before this one is started."""

    service: str
    condition: NeedCondition = "started"


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class MountedFile:
    """An artifact in a service's containers. ``key`` is the lock file's name of the config or secret ("" for a
    bind mount of the file itself). ``artifact`` "": a secret whose content the document gives, encrypted.
    """

    artifact: str
    target: str
    kind: FileKind = "config"
    key: str = ""
    read_only: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """One service. ``config`` is what its containers are to look like, with the engine's names of networks and
    volumes and the host's paths of artifacts, without the labels and aliases that Compose adds.

    ``tag`` is the reference that the author wrote. ``completes``: a job, which is done when it ended with 0.
    ``namespaces`` holds those that are shared with the host or another service (``pid``, ``ipc``, ``uts``,
    ``network``, ``userns``, ``cgroup``) by what is shared, ``security`` the security options of the engine besides
    no-new-privileges, ``extras`` names of other keys that the host's policy has a say in. ``follows`` are services
    of whose containers it has a part (a namespace, mounts, a name): Compose recreates it together with them.
    """

    name: str
    image: ImageReference
    config: ContainerConfig
    tag: str = ""
    container_name: str = ""
    replicas: int = 1
    completes: bool = False
    needs: tuple[Need, ...] = ()
    files: tuple[MountedFile, ...] = ()
    namespaces: Mapping[str, str] = field(default_factory=dict)
    security: tuple[str, ...] = ()
    extras: tuple[str, ...] = ()
    follows: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """A Compose project at one revision. ``services`` and ``files`` are sorted by name; ``directory`` is the
    deployment directory, an absolute path on the host. ``networks`` and ``volumes`` are the engine's names of
    those that belong to the project (not of external ones). ``secrets`` are the names of the lock file's secrets
    that are external to it: the document gives them.
    """

    name: str
    directory: str
    lock: Artifact
    services: tuple[Service, ...]
    files: tuple[Artifact, ...] = ()
    networks: tuple[str, ...] = ()
    volumes: tuple[str, ...] = ()
    external_networks: tuple[str, ...] = ()
    external_volumes: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()
    force_recreate: bool = False

    def service(self, name: str) -> Service | None:
        """The service of this name."""
        return next((item for item in self.services if item.name == name), None)

    def container_name(self, service: Service, number: int) -> str:
        """What Compose calls a service's n-th container."""
        return service.container_name or f"{self.name}-{service.name}-{number}"

    def artifact_path(self, artifact: Artifact) -> str:
        """Where an artifact lies on the host: under its digest, so that a path never changes its content and
        Compose recreates exactly the services whose files changed.
        """
        return f"{self.directory}/files/{artifact.sha256}/{artifact.name}"

    def revision_directory(self, fingerprint: str) -> str:
        """The folder of one revision."""
        return f"{self.directory}/revisions/{fingerprint}"


def followers(project: Project, names: Collection[str]) -> frozenset[str]:
    """The services that follow one of these, over any number of steps."""
    found: set[str] = set()
    new = set(names)
    while new:
        new = {item.name for item in project.services if new & set(item.follows)} - found
        found |= new
    return frozenset(found)


def stages(project: Project) -> tuple[tuple[Service, ...], ...]:
    """The services in the order in which they may be started: each stage needs only those before it."""
    left = {service.name: service for service in project.services}
    found: list[tuple[Service, ...]] = []
    while left:
        ready = tuple(item for item in left.values() if not any(need.service in left for need in item.needs))
        if not ready:
            ready = tuple(left.values())  # a cycle: refused where documents are read, never a reason to hang here
        found.append(ready)
        left = {name: item for name, item in left.items() if item not in ready}
    return tuple(found)
