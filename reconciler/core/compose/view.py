"""How a ComposeProject document is decided about: many containers, by Compose's labels and ours."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from reconciler.core import names
from reconciler.core.action import Action, RemoveDeployment
from reconciler.core.adoption import Adoption
from reconciler.core.compose.change import replacement
from reconciler.core.compose.claims import ProjectClaims, find_project_claims
from reconciler.core.compose.drift import counterpart, find_project_drift
from reconciler.core.compose.remedy import restart, without_restart
from reconciler.core.compose.status import project_health, running_release, stable
from reconciler.core.compose.steps import down_actions
from reconciler.core.compose.tidy import former_states, tidy
from reconciler.core.compose.undo import undo_actions
from reconciler.core.counterpart import Counterpart
from reconciler.core.drift import Drift, stranger
from reconciler.core.observation import ContainerRow
from reconciler.core.ports import port_conflict
from reconciler.core.project import Project
from reconciler.core.record import Operation, OperationKind
from reconciler.core.situation import Situation
from reconciler.core.status import HealthWord


@dataclass(frozen=True, slots=True)
class ProjectView:
    """See ``View``."""

    situation: Situation
    project: Project
    claims: ProjectClaims = field(init=False)
    drift: tuple[Drift, ...] = field(init=False)

    def __post_init__(self) -> None:
        claims = find_project_claims(self.project, self.situation.observation, self.situation.record)
        object.__setattr__(self, "claims", claims)
        object.__setattr__(self, "drift", find_project_drift(self.situation, claims))

    @property
    def stranger(self) -> str:
        if self.claims.strangers:
            return self._in_the_project(self.project, self.claims.strangers[0])
        for row in self.claims.holders:
            return f"the name {row.name} is held by {stranger(row)}, which is not ours; remove or rename it"
        later = self._of_later(known=self.situation.desired.fingerprint)
        return f"{later}, or deploy the release that runs once more first" if later else ""

    @property
    def endangered(self) -> str:
        seen, record = self.situation.observation, self.situation.record
        for project in (self.project, *(project for _, project in former_states(record, self.project))):
            found = find_project_claims(project, seen, record).strangers
            if found:
                return self._in_the_project(project, found[0])
        later = self._of_later()
        return f"{later}, or take the project down by hand" if later else ""

    def _in_the_project(self, project: Project, row: ContainerRow) -> str:
        told = (
            f"project {project.name} has {stranger(row)}, which is not ours: Compose would treat it as its own; "
        )
        record = self.situation.record
        if names.made_elsewhere(row.labels, document=record.document, owner=record.owner):
            return (
                f"{told}if that controller was this one before its history was lost, take the project down with "
                f"`docker compose -p {project.name} down` (volumes stay), and it is deployed anew"
            )
        return f"{told}give one of the two another projectName"

    def _of_later(self, *, known: str = "") -> str:
        """What runs is of a time that the history does not know, as where an older copy of it was put back: the
        revision that is active on the host is one it has never heard of. "" where it is ``known`` all the same.
        """
        record = self.situation.record
        reading = self.situation.observation.deployments.get(self.situation.desired.name)
        active = reading.active if reading else ""
        if active in {"", known} or record.revision(active) is not None or not self.claims.ours:
            return ""
        return (
            f"project {self.project.name} runs a revision that the history does not know ({active[:12]}), the "
            f"history ends with generation {record.generation}; put back a newer copy of the history"
        )

    @property
    def adoptable(self) -> bool:
        return False

    def adoption(self) -> Adoption | None:
        return None

    def conflict(self) -> str:
        wanted = [port for service in self.project.services for port in service.config.ports or ()]
        ours = frozenset(row.id for row in self.claims.ours)
        return port_conflict(wanted, ours, self.situation.observation)

    def undo(self, operation: Operation) -> tuple[Action, ...]:
        return undo_actions(self.situation, operation)

    def replacement(self, kind: OperationKind, cause: str) -> tuple[Action, ...]:
        return replacement(self.situation, self.claims, kind, cause)

    def restart(self, drift: tuple[Drift, ...]) -> tuple[Action, ...]:
        return restart(self.situation, self.claims, drift)

    def in_place(self, drift: tuple[Drift, ...]) -> tuple[Action, ...]:
        return without_restart(self.situation, self.claims, drift)

    def stable(self) -> bool:
        return stable(self.situation, self.claims)

    def leftovers(self) -> tuple[Action, ...]:
        return tidy(self.situation, self.claims)

    def removal(self, cause: str) -> tuple[Action, ...]:
        return tuple(self._removal(cause))

    def _removal(self, cause: str) -> Iterator[Action]:
        desired, record = self.situation.desired, self.situation.record
        states = ((desired, self.project), *former_states(record, self.project))
        for state, project in states:
            yield from down_actions(self.situation, state, project, cause=cause)
        for state, _ in {project.directory: (state, project) for state, project in states}.values():
            yield RemoveDeployment(document=desired.name, cause=cause, desired=state)

    def remains(self) -> str:
        return f"project {self.project.name}"

    def running(self) -> tuple[str, str]:
        return running_release(self.situation, self.claims)

    def health(self) -> HealthWord:
        return project_health(self.situation, self.claims)

    def counterparts(self) -> tuple[Counterpart, ...]:
        return tuple(counterpart(self.situation, self.claims, member) for member in self.claims.members)
