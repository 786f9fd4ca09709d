"""Record: what the history knows of one document, as plain values for the decisions.

The history database writes it; planning reads it. States of an operation only go forward:

    intent ──► committed
       └─────► undone          (``failure`` says why; empty: it was interrupted)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from reconciler.core.desired import DesiredState, ImageReference, Release, Suspension
from reconciler.core.hook import HookName

OperationKind = Literal["deploy", "rollback", "heal", "adopt"]
OperationState = Literal["intent", "committed", "undone"]
HookEnd = Literal["done", "not-now", "failed"]
HookState = Literal["begun", "done", "not-now", "failed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Revision:
    """One DesiredState that was once tried. ``image_id`` is known once its image was verified here."""

    fingerprint: str
    desired: DesiredState
    image_id: str = ""
    image_collected: bool = False

    @property
    def release(self) -> Release:
        return self.desired.release

    @property
    def image(self) -> ImageReference:
        """A Container's image."""
        return self.desired.image

    @property
    def images(self) -> tuple[ImageReference, ...]:
        return self.desired.images

    @property
    def all_images(self) -> tuple[ImageReference, ...]:
        """With those that only its hooks needed."""
        return self.desired.all_images

    @property
    def digest(self) -> str:
        return self.desired.digest


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One generation: a try to make a revision run. ``container_id`` is "" until the engine answered, and stays
    so for a project; ``config_hashes`` are the hashes, by service, that Compose put on a project's containers.
    """

    generation: int
    kind: OperationKind
    fingerprint: str
    state: OperationState
    container_id: str = ""
    image_id: str = ""
    failure: str = ""
    quarantine: bool = False
    restored: bool = False
    actor: str = ""
    cause: str = ""
    started_at: float = 0.0
    ended_at: float = 0.0
    config_hashes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class HookRun:
    """The newest run of one hook of one revision; ``wish`` is what the hook did (``Hook.wish``). One that stays
    ``begun`` may have done its work or not: nobody saw its end.
    """

    fingerprint: str
    hook: HookName
    wish: str
    generation: int
    state: HookState = "begun"
    began_at: float = 0.0
    ended_at: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowance:
    """An operator's exception: this one image (``repository@digest``) may run without the signature that the
    host's policy wants. ``at``: seconds since the epoch.
    """

    image: str
    actor: str
    reason: str
    at: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """All that is remembered of one document; ``operations`` and ``revisions`` are oldest first.

    ``quarantined`` holds fingerprints with the reason. ``heals`` are times of recent heals (seconds since
    the epoch). ``held`` is the reason while the restart-storm guard holds the document. ``hooks`` are the runs
    since a release was last committed, sorted by revision and hook; ``allowances`` are sorted by image.
    """

    document: str
    owner: str
    generation: int = 0
    operations: tuple[Operation, ...] = ()
    revisions: tuple[Revision, ...] = ()
    quarantined: dict[str, str] = field(default_factory=dict)
    heals: tuple[float, ...] = ()
    hooks: tuple[HookRun, ...] = ()
    allowances: tuple[Allowance, ...] = ()
    held: str = ""
    suspension: Suspension | None = None
    failures: int = 0
    retry_at: float = 0.0
    last_error: str = ""

    @property
    def open(self) -> Operation | None:
        """The operation that began and was neither committed nor undone."""
        return next((item for item in reversed(self.operations) if item.state == "intent"), None)

    @property
    def committed(self) -> Operation | None:
        """The newest committed operation: what should be running."""
        return next((item for item in reversed(self.operations) if item.state == "committed"), None)

    @property
    def last(self) -> Operation | None:
        return self.operations[-1] if self.operations else None

    def revision(self, fingerprint: str) -> Revision | None:
        return next((item for item in self.revisions if item.fingerprint == fingerprint), None)

    @property
    def committed_revision(self) -> Revision | None:
        return self.revision(self.committed.fingerprint) if self.committed else None

    @property
    def last_wanted(self) -> Revision | None:
        """What the document was last known to be: the committed revision, else the last one tried."""
        return self.committed_revision or (self.revision(self.last.fingerprint) if self.last else None)

    def hook_run(self, fingerprint: str, hook: HookName) -> HookRun | None:
        """The newest run of this hook for this revision, unless it is going on now."""
        going_on = self.open.generation if self.open else 0
        return next(
            (
                run
                for run in self.hooks
                if (run.fingerprint, run.hook) == (fingerprint, hook)
                and (run.state != "begun" or run.generation != going_on)
            ),
            None,
        )

    def served(self, container_id: str) -> bool:
        """Whether this container was ever committed: it may hold data worth keeping."""
        return any(item.container_id == container_id and item.state == "committed" for item in self.operations)

    def failures_of(self, fingerprint: str) -> int:
        """How often this revision failed since it last worked (interruptions do not count)."""
        count = 0
        for operation in reversed(self.operations):
            if operation.fingerprint == fingerprint and operation.state == "committed":
                break
            count += operation.fingerprint == fingerprint and bool(operation.failure)
        return count


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One thing that was done to a document, or refused: what ``why`` shows. ``at``: seconds since the epoch.

    ``action`` is an Action's kind, ``outcome`` an Outcome's; ``detail`` holds no secret.
    """

    at: float
    document: str
    action: str
    target: str
    cause: str
    outcome: str
    detail: str = ""
    actor: str = ""
    generation: int = 0


def helper_image(record: Record, desired: DesiredState) -> str:
    """The image for helper containers: one that is on the host for certain, by id where it is known."""
    revision = record.committed_revision
    if revision is None:
        return str(desired.images[0])
    return revision.image_id or str(revision.images[0])
