"""Fence: the highest generation of each document that an agent has taken, so that nothing late undoes what is
newer.

Generations are counted by the orchestrator, per document and target: each new wish gets the next one, whether it
travels as a task, as an assigned document, or as both. A task is new or refused. A document may say the generation
of a task again, or be assigned again after it was withdrawn: it is the same wish. The fence outlives what raised
it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from reconciler.protocol.message.document import AssignedDocument, DocumentVersion
from reconciler.protocol.message.task import FENCED, AgentTask


@dataclass(frozen=True, slots=True)
class Fence:
    """The highest generation that a task, and that a document has brought, by document."""

    tasks: Mapping[str, int] = field(default_factory=dict)
    documents: Mapping[str, int] = field(default_factory=dict)

    def highest(self, document: str) -> int:
        """Whatever has brought it; 0 where nothing has."""
        return max(self.tasks.get(document, 0), self.documents.get(document, 0))

    def stops_task(self, task: AgentTask) -> str:
        """Why the task comes too late; "" when it does not."""
        if not fenced(task):
            return ""
        name, generation = _wish(task)
        taken, wished = self.tasks.get(name, 0), self.documents.get(name, 0)
        if generation <= taken:
            return f"generation {generation} of {name} is not above {taken}, which was taken already"
        if generation < wished:
            return f"generation {generation} of {name} is below {wished}, which is assigned"
        return ""

    def stops_document(self, document: AssignedDocument, held: DocumentVersion | None) -> str:
        """Why the document comes too late; "" when it does not, also where it is what is held."""
        if document.held == held:
            return ""
        highest = self.highest(document.id)
        if document.generation < highest:
            return f"generation {document.generation} is below {highest}, which was taken already"
        if held is not None and document.generation == held.generation:
            return f"generation {document.generation} is held with another version"
        return ""

    def raised_by_task(self, task: AgentTask) -> Fence:
        """After the task was taken."""
        if not fenced(task):
            return self
        name, generation = _wish(task)
        return replace(self, tasks={**self.tasks, name: generation})

    def raised_by_document(self, document: AssignedDocument) -> Fence:
        """After the document was taken."""
        return replace(self, documents={**self.documents, document.id: document.generation})


def fenced(task: AgentTask) -> bool:
    """Whether the task changes which release runs. The schema wants document and generation of such a one."""
    return task.type in FENCED


def _wish(task: AgentTask) -> tuple[str, int]:
    return task.document or "", task.generation or 0
