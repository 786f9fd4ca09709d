"""Fence: the highest generation of each document that an agent has taken, so that nothing late undoes what is
newer.

Generations are counted by the orchestrator, per document and target: each new wish gets the next one, whether it
travels as a task, as an assigned document, or as both. A task is new or refused. A document may say the generation
of a task again: it is the same wish in another form.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from reconciler.protocol.message.document import AssignedDocument, DocumentVersion
from reconciler.protocol.message.task import FENCED, AgentTask


@dataclass(frozen=True, slots=True)
class Fence:
    """The highest generation of a task, by document."""

    tasks: Mapping[str, int] = field(default_factory=dict)

    def stops_task(self, task: AgentTask, held: DocumentVersion | None) -> str:
        """Why the task comes too late; "" when it does not."""
        if task.type not in FENCED or task.document is None or task.generation is None:
            return ""
        highest = self.tasks.get(task.document, 0)
        if task.generation <= highest:
            return (
                f"generation {task.generation} of {task.document} is not above {highest}, which was taken already"
            )
        if held is not None and task.generation < held.generation:
            return f"generation {task.generation} of {task.document} is below {held.generation}, which is held"
        return ""

    def stops_document(self, document: AssignedDocument, held: DocumentVersion | None) -> str:
        """Why the document comes too late; "" when it does not, also where it is what is held."""
        if held is not None:
            if document.held == held:
                return ""
            if document.generation < held.generation:
                return f"generation {document.generation} is below {held.generation}, which is held"
            if document.generation == held.generation:
                return f"generation {document.generation} is held with another version"
        highest = self.tasks.get(document.id, 0)
        if document.generation < highest:
            return f"generation {document.generation} is below {highest}, which a task has brought"
        return ""

    def raised(self, task: AgentTask) -> Fence:
        """After the task was taken."""
        if task.type not in FENCED or task.document is None or task.generation is None:
            return self
        return replace(self, tasks={**self.tasks, task.document: task.generation})
