"""How a Container document is decided about: one container, by the ids that the history knows."""

from __future__ import annotations

from dataclasses import dataclass, field

from reconciler.core import names
from reconciler.core.action import Action, ContainerRef, RemoveContainer, StopContainer
from reconciler.core.adoption import Adoption, adopt
from reconciler.core.counterpart import Counterpart
from reconciler.core.drift import Drift, find_drift
from reconciler.core.observation import ALIVE, ContainerRow
from reconciler.core.ownership import Claims, estrangement, find_claims
from reconciler.core.ports import port_conflict
from reconciler.core.record import Operation, OperationKind
from reconciler.core.remedy import restart, stable, without_restart
from reconciler.core.situation import Situation, completed
from reconciler.core.status import HealthWord
from reconciler.core.swap import Swap, swap_actions
from reconciler.core.tidy import tidy
from reconciler.core.undo import undo_actions


@dataclass(frozen=True, slots=True)
class ContainerView:
    """See ``View``."""

    situation: Situation
    claims: Claims = field(init=False)
    drift: tuple[Drift, ...] = field(init=False)

    def __post_init__(self) -> None:
        seen, record = self.situation.observation, self.situation.record
        claims = find_claims(self.situation.desired.container_name, seen, record)
        object.__setattr__(self, "claims", claims)
        object.__setattr__(self, "drift", find_drift(self.situation, claims))

    @property
    def stranger(self) -> str:
        holder = self.claims.holder
        return "" if holder is None else estrangement(holder, self.situation.record)

    @property
    def endangered(self) -> str:
        return ""  # containers are taken back by id

    @property
    def adoptable(self) -> bool:
        return self.situation.desired.adopt and self.claims.current is None

    def adoption(self) -> Adoption | None:
        holder = self.claims.holder
        return adopt(self.situation, holder, self.drift) if holder is not None else None

    def conflict(self) -> str:
        ours = frozenset(row.id for row in self._rows())
        return port_conflict(self.situation.desired.config.ports or (), ours, self.situation.observation)

    def undo(self, operation: Operation) -> tuple[Action, ...]:
        return undo_actions(self.situation, self.claims, operation)

    def replacement(self, kind: OperationKind, cause: str) -> tuple[Action, ...]:
        return swap_actions(Swap(situation=self.situation, claims=self.claims, kind=kind, cause=cause))

    def restart(self, drift: tuple[Drift, ...]) -> tuple[Action, ...]:
        return restart(self.situation, self.claims, drift)

    def in_place(self, drift: tuple[Drift, ...]) -> tuple[Action, ...]:
        return without_restart(self.situation, self.claims, drift)

    def stable(self) -> bool:
        return stable(self.situation, self.claims)

    def leftovers(self) -> tuple[Action, ...]:
        return tidy(self.situation, self.claims)

    def removal(self, cause: str) -> tuple[Action, ...]:
        document = self.situation.desired.name
        actions: list[Action] = []
        for row in self._rows():
            container = ContainerRef(row.name, row.id)
            if row.status in ALIVE:
                actions.append(StopContainer(document=document, cause=cause, container=container))
            actions.append(RemoveContainer(document=document, cause=cause, container=container))
        return tuple(actions)

    def remains(self) -> str:
        return self.situation.desired.container_name

    def running(self) -> tuple[str, str]:
        current = self.claims.current
        if current is None or current.status not in ALIVE:
            return "", ""
        for revision in reversed(self.situation.record.revisions):
            labelled = current.labels.get(names.FINGERPRINT) in {None, revision.fingerprint}
            if revision.image_id == current.image_id and labelled:
                return revision.release.id, revision.image.digest
        return "", current.image_id

    def health(self) -> HealthWord:
        current = self.claims.current
        if current is None:
            return "Missing"
        detail = self.situation.observation.details.get(current.id)
        if detail is not None and completed(self.situation.desired, detail):
            return "Healthy"
        return health_of(current)

    def counterparts(self) -> tuple[Counterpart, ...]:
        row = self.claims.current or (self.claims.holder if self.situation.desired.adopt else None)
        if row is None:
            return ()
        detail = self.situation.observation.details.get(row.id)
        ended = detail is not None and completed(self.situation.desired, detail)
        return (Counterpart(row=row, situation=self.situation, detail=detail, done=ended),)

    def _rows(self) -> tuple[ContainerRow, ...]:
        found = (self.claims.current, self.claims.next, *(row for _, row in self.claims.kept))
        return tuple(row for row in found if row is not None)


def health_of(row: ContainerRow) -> HealthWord:
    """One container's health, from its row."""
    if row.status != "running":
        return "Progressing" if row.status == "created" else "Degraded"
    words: dict[str, HealthWord] = {"starting": "Progressing", "unhealthy": "Degraded"}
    return words.get(row.health, "Healthy")
