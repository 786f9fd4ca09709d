"""What the decisions and the loop need from the world, on one page.

Every interface has a real implementation and, where speed or faults ask for it, a simulated one; both pass
the same contract suite. All methods block; whoever needs concurrency calls them from worker threads.
Implementations raise only errors of ``reconciler.errors``.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from reconciler.core.action import Action, UpdateLimits
from reconciler.core.audit import Deed
from reconciler.core.container import ContainerConfig, NetworkAttachment, RestartPolicy
from reconciler.core.delivery import Delivery, SealedVariable
from reconciler.core.desired import DesiredState, ImageReference, StickerPlace, Suspension
from reconciler.core.hook import HookName
from reconciler.core.observation import (
    ContainerDetail,
    ContainerRow,
    DeliveryReading,
    DeploymentReading,
    EngineFacts,
    ImageFacts,
    StickerReading,
)
from reconciler.core.outcome import Outcome
from reconciler.core.record import Allowance, HookEnd, OperationKind, Record
from reconciler.core.secret import Secret
from reconciler.core.signing import SignatureRule

Progress = Callable[[str], None]
"""Told short lines about long work (pull percentage, health state); must be quick and must not raise."""


@dataclass(frozen=True, slots=True)
class EngineEvent:
    """A hint that something happened to a container. ``time_ns`` is the engine's clock, for resuming."""

    container_id: str
    container_name: str
    action: str
    time_ns: int
    labels: Mapping[str, str]


class Engine(Protocol):
    """One Docker host. Reads first, then writes. Containers are named by full id, never by name."""

    def facts(self) -> EngineFacts:
        """What the engine tells of itself now. It looks through all it has for that."""

    def known_facts(self) -> EngineFacts:
        """What this engine told of itself before, since it is the same one; asked for where it is not known."""

    def list_containers(self, *, label: tuple[str, str] | None = None) -> tuple[ContainerRow, ...]:
        """All containers, running or not, foreign or not, in ONE call; or those with one label of this value."""

    def inspect_container(self, container_id: str) -> ContainerDetail | None:
        """None when it is gone."""

    def inspect_image(self, reference: str) -> ImageFacts | None:
        """By image id or ``repository@digest``; None when the host does not have it."""

    def list_networks(self) -> frozenset[str]: ...

    def logs(self, container_id: str, *, lines: int) -> tuple[str, ...]:
        """The last lines of standard output and error, oldest first, bounded to 64 KiB; () when gone."""

    def events(self, *, since_ns: int | None) -> Iterator[EngineEvent]:
        """Container and network events, blocking; ends when the connection does. Closing the iterator from
        another thread (its ``close`` method) ends it too.
        """

    def pull(self, image: ImageReference, *, deadline_s: float, progress: Progress) -> None:
        """Pull by digest, reading the whole stream. Raises ImageNotFound, RegistryDenied, RegistryUnavailable,
        VerificationFailed, PlatformMismatch, NoSpace, EngineRefused (a bad reference), EngineUnavailable.
        """

    def create(
        self, name: str, *, image: ImageReference, config: ContainerConfig, labels: Mapping[str, str]
    ) -> str:
        """Create, not start. Returns the full id. ``labels`` go beside those of ``config``. Mounts refuse a
        missing host path. Raises NameTaken, NotFound (image, network, host path), EngineRefused, NoSpace.
        """

    def create_sandbox(
        self, name: str, *, image: ImageReference, config: ContainerConfig, labels: Mapping[str, str], beside: str
    ) -> str:
        """As ``create``, with a private IPC namespace, and in the network namespace of the container ``beside``
        (id; "" for a namespace of its own).
        """

    def start(self, container_id: str) -> None:
        """Running already is success. Raises NotFound, PortTaken, StartObstructed, EngineRefused."""

    def stop(self, container_id: str, *, timeout_s: int | None) -> None:
        """Stopped already, or gone, is success. Lists that are asked for afterwards know it."""

    def unpause(self, container_id: str) -> None: ...

    def rename(self, container_id: str, name: str) -> None:
        """Having the name already is success. Raises NameTaken, NotFound."""

    def set_restart_policy(self, container_id: str, policy: RestartPolicy) -> None: ...

    def update_limits(self, container_id: str, limits: UpdateLimits) -> None: ...

    def connect(self, container_id: str, network: NetworkAttachment) -> None:
        """Connected already is success."""

    def disconnect(self, container_id: str, network: str) -> None:
        """Not connected is success."""

    def create_network(self, name: str) -> None:
        """There already is success."""

    def remove(self, container_id: str, *, volumes: bool) -> None:
        """Remove a container that is not running; gone already is success. ``volumes``: anonymous ones too."""

    def remove_image(self, reference: str) -> bool:
        """Remove one reference, never forced. False when it is in use or gone."""

    def read_volume(self, volume: str, path: str, *, helper: str, limit: int) -> bytes | None:
        """A file of a volume, by a helper container of image ``helper`` that is never started. None: no such
        file or volume. Raises EngineRefused when larger than ``limit`` bytes or not a regular file.
        """

    def write_volume(self, volume: str, path: str, content: bytes, *, helper: str) -> None:
        """Write a file of a volume the same way; readers see the old file, none, or the new one, whole."""


class Journal(Protocol):
    """The history: durable before the method returns. One writer at a time."""

    owner: str
    """This installation's id; it is on every container we create."""

    def record(self, document: str) -> Record:
        """An empty Record (generation 0) for a name never seen."""

    def records(self) -> Mapping[str, Record]: ...

    def begin(
        self,
        desired: DesiredState,
        *,
        generation: int,
        kind: OperationKind,
        container_id: str,
        cause: str,
        actor: str,
    ) -> None:
        """Intent. Repeating it with the same generation changes nothing; a generation that is not higher than
        every earlier one raises StateDamaged.
        """

    def created(self, document: str, generation: int, *, container_id: str) -> None: ...

    def verified(self, document: str, fingerprint: str, *, image_id: str) -> None: ...

    def commit(self, document: str, generation: int) -> None:
        """Also ends quarantine, hold, failures and backoff of the document, and forgets what hooks did (a heal
        forgets neither the quarantine of other revisions nor hooks).
        """

    def failed(self, document: str, generation: int, *, reason: str, quarantine: bool) -> None:
        """Note why the open operation failed; it stays open until it is undone."""

    def undone(self, document: str, generation: int) -> None:
        """Close the open operation; quarantines its fingerprint if the failure said so."""

    def restored(self, document: str, generation: int) -> None:
        """The former container was seen healthy after the undo."""

    def healed(self, document: str, *, cause: str) -> None: ...

    def hold(self, document: str, *, reason: str) -> None: ...

    def release(self, document: str) -> None:
        """End a hold and forget recent heals."""

    def clear(self, document: str) -> bool:
        """A person ends quarantine, hold and backoff, and lets hooks that were interrupted run again. True when
        there was something to end.
        """

    def end_quarantine(self, document: str) -> None:
        """The document no longer wants what is quarantined: forget it (no write when there is nothing)."""

    def suspend(self, document: str, suspension: Suspension) -> None: ...

    def resume(self, document: str) -> bool: ...

    def retry_later(self, document: str, *, error: str, retry_at: float) -> None:
        """Count a failed pass and when to try again; kept over restarts."""

    def passed(self, document: str) -> None:
        """A pass went well: forget failures and backoff (no write when there were none)."""

    def image_collected(self, document: str, fingerprint: str) -> None: ...

    def hashed(self, document: str, generation: int, config_hashes: Mapping[str, str]) -> None:
        """Note what Compose put on a project's containers, by service (no write where it is noted already)."""

    def hook_began(self, document: str, generation: int, *, hook: HookName, wish: str) -> None:
        """A hook of the open operation begins. Raises StateDamaged when the generation is not open."""

    def hook_ended(self, document: str, generation: int, *, hook: HookName, state: HookEnd) -> None:
        """How it ended. A hook of a generation that did not begin one changes nothing."""

    def allow(self, document: str, allowances: Collection[Allowance]) -> None:
        """Let these images run without a signature; one that was allowed before is allowed anew. The newest
        hundred of a document are kept.
        """

    def revoke(self, document: str) -> bool:
        """End all that was allowed. True when there was something."""

    def forget(self, document: str) -> None:
        """The document was pruned. Its events stay; its generation counter stays."""


class Stickers(Protocol):
    """Version stickers, wherever they lie. Reading never raises: what went wrong is in the reading."""

    def read(self, place: StickerPlace, *, helper: str) -> StickerReading: ...

    def write(self, place: StickerPlace, content: bytes, *, helper: str) -> None:
        """Atomic. Raises StateUnwritable or engine errors."""

    def remove(self, place: StickerPlace, *, helper: str) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ComposeProject:
    """What every call of Compose is told: the project's name, its directory, and the files in their order (all
    paths absolute). Nothing else has an effect: no ``.env``, no override file, no variable of the environment.
    """

    name: str
    directory: str
    files: tuple[str, ...]


class Compose(Protocol):
    """The program ``docker compose`` v2, for one engine. It never pulls, and never starts a container."""

    def version(self) -> str:
        """Raises ComposeMissing where there is none, or one that is too old."""

    def config(self, project: ComposeProject) -> Mapping[str, Any]:
        """The model as Compose understands it (``config --format json``); asks no engine. Raises ComposeMissing,
        ComposeFailed.
        """

    def up(self, project: ComposeProject, *, recreate: tuple[str, ...], progress: Progress) -> None:
        """Create, recreate and remove what differs; start nothing. Services of ``recreate`` are recreated whether
        they differ or not. Raises ComposeMissing, ComposeBusy, ComposeFailed, EngineUnavailable, NoSpace.
        """

    def down(self, project: ComposeProject, *, progress: Progress) -> None:
        """Stop and remove containers and networks of the project; volumes stay. Raises as ``up`` does."""


class Deployments(Protocol):
    """Deployment directories on this host."""

    def read(self, directory: str, paths: Sequence[str]) -> DeploymentReading:
        """Never raises: what went wrong is in the reading. Files that did not change are not hashed again."""

    def write(self, directory: str, files: Mapping[str, bytes]) -> bool:
        """Have these files, by path relative to ``directory``, in this order, each written whole or not at all and
        durable; False when all were so. Raises StateUnwritable, EngineRefused (a link or a strange file in the
        way).
        """

    def activate(self, directory: str, fingerprint: str) -> bool:
        """Point ``current`` to the revision; False when it did. Raises StateUnwritable, NotFound."""

    def remove_revision(self, directory: str, fingerprint: str) -> bool:
        """Remove a revision that is not active and what it alone needed; False when it was gone. Raises
        StateUnwritable.
        """

    def remove(self, directory: str) -> bool:
        """Remove all that this store ever writes into the directory, and the directory if nothing else is in it;
        False when nothing was there. Raises StateUnwritable.
        """


class Deliveries(Protocol):
    """What is delivered into containers, as files of this host, below two folders (``core.delivery.Places``)."""

    def read(
        self, document: str, deliveries: Sequence[Delivery], variables: Sequence[SealedVariable]
    ) -> DeliveryReading:
        """Never raises: what went wrong is in the reading. What did not change is neither hashed nor opened again;
        no opened value is kept.
        """

    def write(self, document: str, deliveries: Sequence[Delivery]) -> bool:
        """Have these files, each with its content, mode and owner, durable where the place is; False when all were
        so. One that is altered is put right in place, so that a container that has it mounted sees it at once.
        Raises SecretSealed, StateUnwritable, EngineRefused (a link or a strange file in the way, no file system in
        memory).
        """

    def keep(self, document: str, versions: Collection[str]) -> bool:
        """Remove all that was delivered for the document but these; False when nothing was. Raises
        StateUnwritable.
        """

    def open(self, variables: Sequence[SealedVariable]) -> Mapping[str, Secret]:
        """Values by variable. Raises SecretSealed."""

    def values(self, document: str) -> tuple[Secret, ...]:
        """The opened secrets that lie on the host for the document now, so that they can be masked in what its
        containers say. Raises StateUnwritable.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """A manifest or index, as a registry stores it; ``digest`` is of exactly these bytes."""

    digest: str
    content: bytes = field(repr=False)


class ImageRegistry(Protocol):
    """What registries tell, asked directly. Nothing is written to one. Repositories as documents write them."""

    def manifest(self, repository: str, reference: str) -> Manifest:
        """By tag or digest; where it was asked for by digest, it has that digest. Raises ImageNotFound,
        RegistryDenied, RegistryUnavailable, VerificationFailed.
        """

    def blob(self, repository: str, digest: str, *, limit: int) -> bytes:
        """By digest, which it has; at most ``limit`` bytes. Raises as ``manifest`` does."""


class Signatures(Protocol):
    """Signatures of images, wherever they lie."""

    def check(
        self, image: ImageReference, rule: SignatureRule, *, facts: ImageFacts | None, engine: EngineFacts
    ) -> str:
        """Who signed the image, in words. ``facts``: what the host has of it. Raises SignatureRefused, or what a
        registry raises where it could not be asked.
        """


class AuditTrail(Protocol):
    """The audit log: durable before a method returns. What cannot be noted raises StateError."""

    def intent(self, deed: Deed) -> int:
        """Note what is about to be done; its number. It must not be done where this raises."""

    def outcome(self, number: int, deed: Deed, *, outcome: str, detail: str = "") -> None:
        """Note what came of an intent. Where this raises, it is noted as soon as anything can be."""

    def owe(self, number: int, deed: Deed, *, outcome: str, detail: str = "") -> None:
        """The same, with the next line that anybody notes, or when it is settled. Never raises a StateError."""

    def late(self, deed: Deed, *, outcome: str, detail: str = "") -> None:
        """Note what was done although no intent could be noted. Where this raises, as for ``outcome``."""

    def settle(self) -> None:
        """Note what is still to be noted."""


class Executor(Protocol):
    """Carries out Actions of the families it handles; holds no opinions."""

    def handles(self, action: Action) -> bool: ...

    def perform(self, action: Action, *, progress: Progress) -> Outcome:
        """Never raises a ReconcilerError: a failed Action is an Outcome of kind ``failed`` with its error."""
