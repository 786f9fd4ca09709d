"""DesiredState: a Document, validated and defaulted.

Decides nothing; it is what everybody else decides about. Built by ``spec`` only. Equal content gives an
equal ``fingerprint`` on every host and in every version, because only declared values count.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from reconciler.core.canonical import canonical_json as canonical_json  # noqa: PLC0414  (part of what is spoken of here)
from reconciler.core.canonical import declared as declared  # noqa: PLC0414  (the same)
from reconciler.core.container import ContainerConfig
from reconciler.core.delivery import Delivery, SealedVariable
from reconciler.core.hook import Hook
from reconciler.core.image import ImageReference as ImageReference  # noqa: PLC0414  (part of what is spoken of here)
from reconciler.core.image import short_digest as short_digest  # noqa: PLC0414  (the same)
from reconciler.core.project import Project

Order = Literal["stop-first", "start-first"]
DriftMode = Literal["correct", "warn", "off"]
Condition = Literal["started", "healthy", "completed"]
DeletionPolicy = Literal["delete", "orphan"]
StickerLocation = Literal["host", "volume"]


@dataclass(frozen=True, slots=True)
class Release:
    """Id and name of what is deployed."""

    id: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Strategy:
    """How a release replaces the one before."""

    order: Order = "stop-first"
    min_healthy_ms: int = 5_000
    retries: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class StickerPlace:
    """Where the sticker lies: a path on the host, or a path inside a named volume."""

    location: StickerLocation = "host"
    path: str = ""
    volume: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftPolicy:
    """``correct``: hand-made differences are put right; ``warn``: only shown; ``off``: not looked for.
    A changed document is deployed in every mode. ``ignore`` holds path prefixes such as
    ``config.environment.BUILD_ID``.
    """

    mode: DriftMode = "correct"
    ignore: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Dependency:
    """Another document of the same target that must be so before this one is started."""

    name: str
    condition: Condition = "started"


@dataclass(frozen=True, slots=True)
class Suspension:
    """Nothing is changed while it lasts. ``until`` is seconds since the epoch, None: until resumed."""

    by: str
    reason: str
    until: float | None = None

    def active(self, now: float) -> bool:
        return self.until is None or now < self.until


@dataclass(frozen=True, slots=True)
class SourceLocation:
    """Where a document was written: file relative to the folder, and its first line (from 1)."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


NO_IMAGE = ImageReference("", "")
NO_CONFIG = ContainerConfig()


@dataclass(frozen=True, slots=True, kw_only=True)
class DesiredState:
    """One document's wish. ``document`` is the validated, defaulted JSON it was built from.

    ``image``, ``container_name`` and ``config`` are what a Container asks for. A ComposeProject asks for many of
    each: they are in ``project``, and these three stay empty.
    """

    name: str
    release: Release
    image: ImageReference = NO_IMAGE
    container_name: str = ""
    config: ContainerConfig = NO_CONFIG
    project: Project | None = None
    kind: str = "Container"
    target: str | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    health_timeout_ms: int = 60_000
    cleanup_previous: bool = True
    strategy: Strategy = Strategy()
    hooks: tuple[Hook, ...] = ()
    deliveries: tuple[Delivery, ...] = ()
    """Declared files and secrets that are brought into the containers, sorted by name."""
    variables: tuple[SealedVariable, ...] = ()
    """Secrets that the container gets as environment variables, sorted by name."""
    sticker: StickerPlace = StickerPlace()
    drift: DriftPolicy = DriftPolicy()
    depends_on: tuple[Dependency, ...] = ()
    suspend: Suspension | None = None
    adopt: bool = False
    deletion_policy: DeletionPolicy = "orphan"
    source: SourceLocation | None = field(default=None, compare=False)
    document: Mapping[str, Any] = field(default_factory=dict, compare=False, repr=False)
    _fingerprint: str = field(default="", init=False, compare=False, repr=False)

    @property
    def fingerprint(self) -> str:
        """SHA-256 (hex) of what makes a container this release: release, image, name and declared config; of a
        project its name, directory, lock file and other files; of both the files and secrets that are delivered.

        How to deploy (strategy, hooks, sticker, drift, waits) is left out: changing it replaces nothing. Worked
        out when it is first asked for.
        """
        if not self._fingerprint:
            object.__setattr__(self, "_fingerprint", self._worked_out())
        return self._fingerprint

    def _worked_out(self) -> str:
        own = _project_wish(self.project) if self.project else self._wish()
        wish = {"release": asdict(self.release), **own, **self._delivered()}
        return hashlib.sha256(canonical_json(wish)).hexdigest()

    def _wish(self) -> dict[str, Any]:
        return {
            "image": str(self.image),
            "containerName": self.container_name,
            "config": declared(self.config),
        }

    def _delivered(self) -> dict[str, Any]:
        """Nothing where nothing is delivered: such a fingerprint is what it was before there were deliveries."""
        brought = [[item.name, item.version, item.target] for item in self.deliveries]
        sealed = [[item.name, item.version, item.variable] for item in self.variables]
        return {**({"deliveries": brought} if brought else {}), **({"variables": sealed} if sealed else {})}

    @property
    def images(self) -> tuple[ImageReference, ...]:
        """Every image that is needed, each once."""
        if self.project is None:
            return (self.image,)
        return tuple(dict.fromkeys(service.image for service in self.project.services))

    @property
    def hook_images(self) -> tuple[ImageReference, ...]:
        """Images that only hooks need, each once."""
        return tuple(dict.fromkeys(hook.image for hook in self.hooks if hook.image not in self.images))

    @property
    def all_images(self) -> tuple[ImageReference, ...]:
        """Its own and those that only its hooks need, each once."""
        return (*self.images, *self.hook_images)

    @property
    def digest(self) -> str:
        """The one digest that stands for what is wanted: the image's, or the lock file's."""
        return f"sha256:{self.project.lock.sha256}" if self.project else self.image.digest

    @property
    def container_names(self) -> tuple[str, ...]:
        """Names of the containers on the host, as far as they can be known before they are there."""
        project = self.project
        if project is None:
            return (self.container_name,)
        return tuple(
            project.container_name(service, number)
            for service in project.services
            for number in range(1, service.replicas + 1)
        )


def _project_wish(project: Project) -> dict[str, Any]:
    """The lock file and the other files by digest: the services are in the lock file."""
    return {
        "project": project.name,
        "directory": project.directory,
        "lock": project.lock.sha256,
        "files": {item.name: item.sha256 for item in project.files},
    }
