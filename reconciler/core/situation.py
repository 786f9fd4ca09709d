"""Situation: everything one decision about one document rests on, handed over as values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from reconciler.core.compose.claims import find_project_claims, project_unmet
from reconciler.core.container import ContainerConfig, RestartPolicy
from reconciler.core.delivery import NOWHERE, Delivery, Places
from reconciler.core.desired import DesiredState, Suspension
from reconciler.core.hook_rules import doubt
from reconciler.core.observation import ContainerDetail, Observation, StickerState
from reconciler.core.record import Record
from reconciler.core.signing import SignatureRule

HEAL_WINDOW_S = 300.0
HEAL_LIMIT = 5
KEPT_REVISIONS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """``now`` is seconds since the epoch. ``unmet`` names dependencies that are not so yet, in words.
    ``needed_by`` maps image references (``repository@digest``) to the documents that want or may go back to them.
    """

    desired: DesiredState
    observation: Observation
    record: Record
    sticker: StickerState = "unknown"
    now: float = 0.0
    unmet: tuple[str, ...] = ()
    refusals: tuple[str, ...] = ()
    """What the host's policy refuses of ``desired``, each in words."""
    signatures: tuple[SignatureRule, ...] = ()
    """Which images the host's policy wants signed."""
    needed_by: Mapping[str, frozenset[str]] = field(default_factory=dict)
    places: Places = NOWHERE
    """Where on the host declared files and secrets are delivered."""
    own: frozenset[str] = frozenset()
    """Ids, or beginnings of ids, of what may be the container that we run in."""
    wanted: DesiredState | None = None
    """What the document wants while ``desired`` is the committed revision that is kept well in its stead."""

    @property
    def quarantine(self) -> str:
        """Why the wanted revision is not tried again; "" when it may be."""
        return self.record.quarantined.get(self.desired.fingerprint, "") or doubt(self.desired, self.record)

    @property
    def delivered(self) -> tuple[Delivery, ...]:
        """The files and secrets that the container has mounted."""
        return tuple(item for item in self.desired.deliveries if item.target)

    @property
    def config(self) -> ContainerConfig:
        """What the container is made from: what is declared, and the mounts of what is delivered."""
        mounts = [item.mount(self.places, self.desired.name) for item in self.delivered]
        if not mounts:
            return self.desired.config
        return replace(self.desired.config, mounts=tuple(sorted((*(self.desired.config.mounts or ()), *mounts))))

    @property
    def refused(self) -> str:
        """What the host's policy refuses of the wanted revision, in one sentence; "" for nothing."""
        return f"the host's policy refuses: {'; '.join(self.refusals)}" if self.refusals else ""

    @property
    def former(self) -> DesiredState | None:
        """The committed revision, under the document's present rules (they are no part of a revision)."""
        committed = self.record.committed_revision
        if committed is None:
            return None
        now = self.wanted or self.desired
        return replace(
            committed.desired,
            drift=now.drift,
            sticker=now.sticker,
            cleanup_previous=now.cleanup_previous,
            depends_on=now.depends_on,
        )

    @property
    def suspension(self) -> Suspension | None:
        """The one in force now: the document's own, else an operator's."""
        both = (self.desired.suspend, self.record.suspension)
        return next((item for item in both if item is not None and item.active(self.now)), None)


def completes(desired: DesiredState) -> bool:
    """Whether ending with 0 is success for this document: a job, not a service."""
    return restart_policy(desired).name in {"no", "on-failure"}


def completed(desired: DesiredState, detail: ContainerDetail) -> bool:
    """A job that has ended well; it is not started again."""
    return completes(desired) and detail.status == "exited" and detail.exit_code == 0


def restart_policy(desired: DesiredState) -> RestartPolicy:
    """The declared restart policy, else ``unless-stopped``."""
    return desired.config.restart_policy or RestartPolicy("unless-stopped")


def unmet_dependencies(
    desired: DesiredState, observation: Observation, records: Mapping[str, Record]
) -> tuple[str, ...]:
    """The dependencies of ``desired`` that are not so, each in words; () when it may be started."""
    return tuple(
        f"{dependency.name} ({dependency.condition}): {problem}"
        for dependency in desired.depends_on
        if (problem := _unmet(dependency.condition, records.get(dependency.name), observation))
    )


def _unmet(condition: str, record: Record | None, observation: Observation) -> str:
    if record is None or record.committed is None:
        return "not deployed yet"
    if record.open is not None:
        return "being replaced"
    project = record.committed_revision.desired.project if record.committed_revision else None
    if project is None:
        return _unmet_container(condition, observation.details.get(record.committed.container_id))
    claims = find_project_claims(project, observation, record)
    return project_unmet(condition, claims, observation.details)


def _unmet_container(condition: str, detail: ContainerDetail | None) -> str:
    if detail is None:
        return "not there"
    if condition == "completed":
        done = detail.status == "exited" and detail.exit_code == 0
        return "" if done else f"{detail.status}, not ended with 0"
    if detail.status != "running":
        return detail.status
    return "" if condition == "started" or detail.health in {"healthy", "none"} else detail.health
