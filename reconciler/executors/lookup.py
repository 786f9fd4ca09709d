"""Which container does an Action mean?

A ContainerRef has an id, or means the container that the open operation creates. That one's id is in the
history, unless the engine's answer to the create was lost; then it is found by the mark of the operation on
it. Decides nothing else. Never goes by name alone: a name is only a check between several with our mark.
"""

from __future__ import annotations

from reconciler.core import names
from reconciler.core.action import ContainerRef
from reconciler.core.interfaces import Engine, Journal
from reconciler.core.observation import ContainerDetail, ContainerRow
from reconciler.errors import ContainerGone, EngineRefused


class ContainerLookup:
    """Finds containers of the documents of one controller on one engine."""

    def __init__(self, engine: Engine, journal: Journal) -> None:
        self._engine = engine
        self._journal = journal

    def find(self, document: str, container: ContainerRef) -> ContainerDetail | None:
        """The container, or None when it is not there. Raises EngineRefused when several carry its mark."""
        container_id = container.id or self.recorded_id(document, container.generation)
        if not container_id:
            row = self._marked(document, container)
            container_id = row.id if row else ""
        return self._engine.inspect_container(container_id) if container_id else None

    def get(self, document: str, container: ContainerRef) -> ContainerDetail:
        """The container. Raises ContainerGone when it is not there."""
        found = self.find(document, container)
        if found is None:
            raise ContainerGone(f"container {container} of {document} is not there")
        return found

    def recorded_id(self, document: str, generation: int) -> str:
        """The id that the history has for a generation's container, "" when it has none."""
        operations = self._journal.record(document).operations
        return next((item.container_id for item in operations if item.generation == generation), "")

    def marked(self, document: str, generation: int) -> tuple[ContainerRow, ...]:
        """All containers with the mark of one operation; a person may have copied the labels of ours."""
        mark = names.operation_id(self._journal.owner, document, generation)
        return self._engine.list_containers(label=(names.OPERATION, mark))

    def _marked(self, document: str, container: ContainerRef) -> ContainerRow | None:
        rows = self.marked(document, container.generation)
        if len(rows) < 2:
            return rows[0] if rows else None
        named = next((row for row in rows if row.name == container.name), None)
        if named is None:
            raise EngineRefused(
                f"{len(rows)} containers carry the mark of generation {container.generation} of {document}: "
                f"{', '.join(sorted(row.name for row in rows))}",
                hint="remove the copies; ours is the one that the reconciler created",
            )
        return named
