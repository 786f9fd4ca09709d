"""Which containers belong to a project, and whose are they?

Found by Compose's labels, never by name. A container in a project is ours when it carries our owner's label and
the project's deployment directory; one that was made from another directory, or by another owner, is a
stranger's, and while there is one nothing may be asked of Compose, which would remove it as an orphan.
"""

from __future__ import annotations

from collections.abc import Mapping

from reconciler.core import names
from reconciler.core.interfaces import Engine
from reconciler.core.observation import ContainerRow
from reconciler.core.project import (
    DIRECTORY_LABEL,
    NUMBER_LABEL,
    ONE_OFF_LABEL,
    PROJECT_LABEL,
    SERVICE_LABEL,
    Project,
    Service,
)
from reconciler.errors import ContainerGone, EngineRefused

Rows = tuple[ContainerRow, ...]


class ProjectContainers:
    """Looks for containers of projects on one engine. ``owner`` is this installation's id."""

    def __init__(self, engine: Engine, *, owner: str) -> None:
        self._engine = engine
        self._owner = owner

    def everything(self, project: Project) -> Rows:
        """All containers in the project, one-offs too. Raises EngineRefused when one of them is a stranger's."""
        rows = tuple(
            row for row in self._engine.list_containers() if row.labels.get(PROJECT_LABEL) == project.name
        )
        strangers = sorted(row.name for row in rows if self._strange(row, project))
        if strangers:
            raise EngineRefused(
                f"project {project.name} has containers of somebody else: {', '.join(strangers)}",
                hint="nothing was touched; give one of the two projects another name (spec.config.projectName)",
            )
        return rows

    def own(self, project: Project) -> Mapping[str, Rows]:
        """Our containers by service, in the order of their numbers. Raises as ``everything`` does."""
        found: dict[str, list[ContainerRow]] = {}
        for row in self.everything(project):
            if self._ours(row) and row.labels.get(ONE_OFF_LABEL, "False") != "True":
                found.setdefault(row.labels.get(SERVICE_LABEL, ""), []).append(row)
        return {name: tuple(sorted(rows, key=_order)) for name, rows in sorted(found.items())}

    def of(self, project: Project, service: Service) -> Rows:
        """Our containers of one service. Raises ContainerGone when there are fewer than its replicas."""
        return expected(project, service, self.own(project))

    def left(self, project: Project) -> tuple[str, ...]:
        """Names of our containers in the project, one-offs too; strangers are not asked about."""
        rows = self._engine.list_containers()
        return tuple(
            sorted(
                row.name
                for row in rows
                if row.labels.get(PROJECT_LABEL) == project.name
                and self._ours(row)
                and row.labels.get(DIRECTORY_LABEL) == project.directory
            )
        )

    def _ours(self, row: ContainerRow) -> bool:
        return row.labels.get(names.OWNER) == self._owner

    def _strange(self, row: ContainerRow, project: Project) -> bool:
        """Made by hand in our directory, without an owner, is no stranger's: Compose removes it as an orphan."""
        elsewhere = row.labels.get(DIRECTORY_LABEL) != project.directory
        return elsewhere or row.labels.get(names.OWNER, self._owner) != self._owner


def expected(project: Project, service: Service, own: Mapping[str, Rows]) -> Rows:
    """The containers of a service, none of them missing. Raises ContainerGone."""
    rows = own.get(service.name, ())
    if len(rows) < service.replicas:
        raise ContainerGone(
            f"service {service.name} of project {project.name} has {len(rows)} of {service.replicas} containers",
        )
    return rows


def _order(row: ContainerRow) -> tuple[int, str]:
    number = row.labels.get(NUMBER_LABEL, "")
    return (int(number) if number.isdecimal() else 0, row.name)
