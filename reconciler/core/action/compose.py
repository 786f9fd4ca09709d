"""Actions on a Compose project and its deployment directory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from reconciler.core.action.base import Action, Sign
from reconciler.core.desired import DesiredState
from reconciler.core.project import NeedCondition, Project


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectAction(Action):
    """Base of what is done to one project at one revision. ``desired`` always has a ``project``."""

    desired: DesiredState

    @property
    def project(self) -> Project:
        """The project. Raises ValueError for a document that is none: a mistake of the planning."""
        if self.desired.project is None:
            raise ValueError(f"{self.desired.name} is no Compose project")
        return self.desired.project

    @property
    def target(self) -> str:
        return self.project.name


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteRevision(ProjectAction):
    """Have the revision's folder on the host, whole; a file that differs is written anew."""

    kind: ClassVar[str] = "write-revision"
    sign: ClassVar[Sign] = "+"

    @property
    def target(self) -> str:
        return f"{self.project.directory}/revisions/{self.desired.fingerprint[:12]}"


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckProject(ProjectAction):
    """Let Compose read the revision's files: what it understands must be the services and images that were
    verified, and nothing else. Changes nothing.
    """

    kind: ClassVar[str] = "check-project"


@dataclass(frozen=True, slots=True, kw_only=True)
class ActivateRevision(ProjectAction):
    """Point ``current`` to the revision's folder, atomically."""

    kind: ClassVar[str] = "activate-revision"
    sign: ClassVar[Sign] = "~"

    @property
    def target(self) -> str:
        return f"{self.project.name} -> {self.desired.fingerprint[:12]}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ComposeUp(ProjectAction):
    """Have containers, networks and volumes as the revision says, without starting anything: Compose recreates
    what changed and removes what is not in the project any more. ``recreate`` are services to recreate although
    Compose would see no difference; ``changes`` are those that are expected to be created or recreated (for
    people: Compose decides), ``restarts`` those of them that run before it.
    """

    kind: ClassVar[str] = "compose-up"
    sign: ClassVar[Sign] = "-/+"
    recreate: tuple[str, ...] = ()
    changes: tuple[str, ...] = ()
    restarts: tuple[str, ...] = ()

    @property
    def target(self) -> str:
        return f"{self.project.name} ({', '.join(self.changes)})" if self.changes else self.project.name


@dataclass(frozen=True, slots=True, kw_only=True)
class ComposeDown(ProjectAction):
    """Have no container and no network of the project. Volumes stay."""

    kind: ClassVar[str] = "compose-down"
    sign: ClassVar[Sign] = "-"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceAction(ProjectAction):
    """Base of what is done to one service's containers, found by Compose's labels in the project's own."""

    service: str

    @property
    def target(self) -> str:
        return f"{self.project.name}/{self.service}"


@dataclass(frozen=True, slots=True, kw_only=True)
class StartService(ServiceAction):
    """Start the service's containers that do not run. A job that ended with 0 is not started again."""

    kind: ClassVar[str] = "start-service"
    sign: ClassVar[Sign] = "~"


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitService(ServiceAction):
    """Wait until a service is so that those which need it may start. Changes nothing."""

    kind: ClassVar[str] = "wait-service"
    condition: NeedCondition
    timeout_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitProject(ProjectAction):
    """Wait until every service is healthy, or a job that ended with 0, and all have stayed so together for
    ``min_healthy_ms``. Changes nothing.
    """

    kind: ClassVar[str] = "wait-project"
    timeout_ms: int
    min_healthy_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyProject(ProjectAction):
    """Compare the image of every container with the digests of the revision, and note the hashes that Compose put
    on them in the history, for ``generation``. Changes nothing on the host.
    """

    kind: ClassVar[str] = "verify-project"
    generation: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveRevision(ProjectAction):
    """Remove the folder of a revision that is neither active nor kept, and artifacts that no folder needs."""

    kind: ClassVar[str] = "remove-revision"
    sign: ClassVar[Sign] = "-"
    optional: ClassVar[bool] = True

    @property
    def target(self) -> str:
        return f"{self.project.directory}/revisions/{self.desired.fingerprint[:12]}"


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveDeployment(ProjectAction):
    """Remove everything of ours from the deployment directory: the document was pruned."""

    kind: ClassVar[str] = "remove-deployment"
    sign: ClassVar[Sign] = "-"

    @property
    def target(self) -> str:
        return self.project.directory
