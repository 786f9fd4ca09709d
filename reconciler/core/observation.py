"""Observation: one snapshot of a host at one moment, keeping everything.

Nothing is thrown away here: both containers that claim a name are in it, foreign ones too. Whose is whose
is decided in ``ownership``, what differs in ``drift``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from reconciler.core.container import ContainerConfig, HealthProbe, PortBinding
from reconciler.core.delivery import Delivery, DeliveryState, SealedVariable
from reconciler.core.desired import ImageReference, StickerPlace
from reconciler.core.names import DOCUMENT

Status = Literal["created", "running", "paused", "restarting", "removing", "exited", "dead"]
ALIVE: frozenset[Status] = frozenset({"running", "paused", "restarting"})
"""States in which a container has processes, or will have them again by itself."""

Health = Literal["none", "starting", "healthy", "unhealthy"]
StickerFact = Literal["absent", "present", "unreadable"]
StickerState = Literal["absent", "current", "stale", "corrupt", "forged", "unknown"]
"""What a sticker turned out to be; ``unknown``: it was not read this time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerRow:
    """One row of the engine's container list: what a single call tells about every container."""

    id: str
    name: str
    image_id: str
    status: Status
    health: Health = "none"
    labels: Mapping[str, str] = field(default_factory=dict)
    ports: tuple[PortBinding, ...] = ()
    networks: tuple[str, ...] = ()
    created: int = 0

    @property
    def running(self) -> bool:
        return self.status == "running"


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerDetail:
    """What inspect adds to a row. ``started_at`` is the engine's own text, compared, never parsed."""

    id: str
    name: str
    image_id: str
    image_reference: str
    config: ContainerConfig
    status: Status
    health: Health = "none"
    exit_code: int = 0
    oom_killed: bool = False
    restart_count: int = 0
    started_at: str = ""
    error: str = ""
    published: tuple[PortBinding, ...] = ()
    health_log: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageFacts:
    """An image on the host, with the defaults it gives to its containers. ``volumes`` are paths that the engine
    puts volumes at.
    """

    id: str
    repo_digests: tuple[str, ...] = ()
    os: str = "linux"
    architecture: str = ""
    variant: str = ""
    command: tuple[str, ...] = ()
    entrypoint: tuple[str, ...] = ()
    user: str = ""
    working_dir: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    stop_signal: str = ""
    health: HealthProbe | None = None
    volumes: tuple[str, ...] = ()

    @property
    def platform(self) -> str:
        return "/".join(part for part in (self.os, self.architecture, self.variant) if part)


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineFacts:
    """What the engine says of itself; it changes only when the engine restarts."""

    version: str = ""
    api_version: str = ""
    os: str = "linux"
    architecture: str = ""
    log_driver: str = "json-file"
    swap_limit: bool = True
    live_restore: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class StickerReading:
    """Raw bytes of one document's sticker, or why there are none."""

    fact: StickerFact
    content: bytes = b""
    problem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeploymentReading:
    """What lies in a project's deployment directory: the fingerprint of the revision that is active ("" where
    none is), and SHA-256 (hex) by path relative to the directory for the files that were asked for; a path that
    is missing here is not there, or is no regular file that can be read. ``problem`` says why nothing is known.
    """

    active: str = ""
    digests: Mapping[str, str] = field(default_factory=dict)
    problem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryReading:
    """How one document's deliveries are found on the host: ``states`` by version, for those that were asked for.
    ``unopened`` says by version why a secret that is not there as it should cannot be brought there, and why a
    variable cannot be opened. ``stray`` are versions that lie there though nobody asked for them. ``problem`` says
    why nothing can be delivered on this host ("" where it can).
    """

    states: Mapping[str, DeliveryState] = field(default_factory=dict)
    unopened: Mapping[str, str] = field(default_factory=dict)
    stray: tuple[str, ...] = ()
    problem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What an observation is made for: one document, with the containers and images that its history knows.

    ``projects`` are names of Compose projects whose containers matter, ``directory`` the deployment directory
    ("" for a Container), ``files`` the paths in it that are to be read. ``deliveries`` are those of every revision
    that may run again, ``variables`` those of the wanted one.
    """

    name: str
    container_names: tuple[str, ...]
    images: tuple[ImageReference, ...]
    sticker: StickerPlace
    container_ids: frozenset[str] = frozenset()
    image_ids: frozenset[str] = frozenset()
    projects: frozenset[str] = frozenset()
    directory: str = ""
    files: tuple[str, ...] = ()
    deliveries: tuple[Delivery, ...] = ()
    variables: tuple[SealedVariable, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """The host, at one moment.

    ``details`` by container id, for those that were inspected. ``images`` by image id. ``references`` maps
    ``repository@digest`` to the image id the engine resolves it to, or None where it has no such image;
    absent key: not looked up. ``networks`` is None where the list was not asked for. ``stickers``,
    ``deployments`` and ``deliveries`` by document name; an absent key means it was not read this time.
    """

    engine: EngineFacts = EngineFacts()
    containers: tuple[ContainerRow, ...] = ()
    details: Mapping[str, ContainerDetail] = field(default_factory=dict)
    images: Mapping[str, ImageFacts] = field(default_factory=dict)
    references: Mapping[str, str | None] = field(default_factory=dict)
    networks: frozenset[str] | None = None
    stickers: Mapping[str, StickerReading] = field(default_factory=dict)
    deployments: Mapping[str, DeploymentReading] = field(default_factory=dict)
    deliveries: Mapping[str, DeliveryReading] = field(default_factory=dict)
    _places: _Places | None = field(default=None, init=False, repr=False, compare=False)

    def named(self, name: str) -> ContainerRow | None:
        """The row that holds this name (names are unique on an engine)."""
        place = self._found.by_name.get(name)
        return None if place is None else self.containers[place]

    def of_ids(self, ids: Iterable[str]) -> tuple[ContainerRow, ...]:
        """The rows of these containers, in the order of the list."""
        by_id = self._found.by_id
        return tuple([self.containers[place] for place in sorted(by_id[key] for key in ids if key in by_id)])

    def of_document(self, document: str) -> tuple[ContainerRow, ...]:
        """The rows with the document's label, in the order of the list."""
        return tuple([self.containers[place] for place in self._found.by_document.get(document, ())])

    @property
    def _found(self) -> _Places:
        """Worked out once, when it is first asked for: each of many documents looks for its own among all rows."""
        if self._places is None:
            object.__setattr__(self, "_places", _Places(self.containers))
        assert self._places is not None  # noqa: S101  (set above)
        return self._places


class _Places:
    """Where in a list of containers is what."""

    __slots__ = ("by_document", "by_id", "by_name")

    def __init__(self, rows: Sequence[ContainerRow]) -> None:
        self.by_id: dict[str, int] = {}
        self.by_name: dict[str, int] = {}
        self.by_document: dict[str, list[int]] = {}
        for place, row in enumerate(rows):
            self.by_id[row.id] = place
            self.by_name.setdefault(row.name, place)
            document = row.labels.get(DOCUMENT)
            if document is not None:
                self.by_document.setdefault(document, []).append(place)
