"""What is assigned to one agent, as the orchestrator tells it: a set whose changes are numbered.

Who holds the number n is told what came after it; who holds too old a number, or one of another numbering, is told
all of it. A new numbering has a new id: one that can't be continued (a store put back from a copy) must not be.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import groupby
from types import MappingProxyType
from typing import Any, Final, Literal

from reconciler.protocol.message.common import SetPosition
from reconciler.protocol.message.document import AssignedDocument, DocumentVersion, set_digest
from reconciler.protocol.message.session import Assignments, Cancel
from reconciler.protocol.message.task import AgentTask
from reconciler.protocol.reading import as_value
from reconciler.protocol.wire.canonical import canonical
from reconciler.protocol.wire.codec import from_json, to_json

KEPT: Final = 1_000
"""How many changes are remembered; who is further behind is told all."""

What = Literal["document", "no-document", "task", "no-task", "cancel"]


@dataclass(frozen=True, slots=True)
class Part:
    """One change, and how many bytes it makes."""

    what: What
    name: str
    value: Any
    size: int


@dataclass(frozen=True, slots=True)
class Budget:
    """How large one message of assignments may become; a larger part goes alone."""

    size: int = 1 << 20
    parts: int = 500


class AssignmentLog:
    """One agent's set and its last changes. Kept by whoever holds the session; built from the store.
    ``generations`` are the highest that were ever wished for, by document.
    """

    def __init__(
        self, set_id: str, sequence: int = 1, *, generations: Mapping[str, int] = MappingProxyType({})
    ) -> None:
        self._set_id = set_id
        self._sequence = sequence
        self._generations = dict(generations)
        self._documents: dict[str, Part] = {}
        self._versions: dict[str, DocumentVersion] = {}
        self._tasks: dict[str, Part] = {}
        self._cancels: dict[str, Part] = {}
        self._changes: deque[tuple[int, Part]] = deque(maxlen=KEPT)

    @property
    def position(self) -> SetPosition:
        return SetPosition(self._set_id, self._sequence)

    @property
    def digest(self) -> str:
        """Over which documents are assigned."""
        return set_digest(self._versions.values())

    @property
    def open_tasks(self) -> frozenset[str]:
        """Ids of the tasks whose end is not known."""
        return frozenset(self._tasks)

    @property
    def documents(self) -> Mapping[str, DocumentVersion]:
        """Which documents are assigned."""
        return dict(self._versions)

    def generation(self, document: str) -> int:
        """The highest generation of the document that was wished for, with a document or a task, or 0."""
        return self._generations.get(document, 0)

    def assign(self, document: AssignedDocument) -> None:
        """A document, in place of the one before."""
        if self._versions.get(document.id) != document.held:
            self._versions[document.id] = document.held
            self._wished(document.id, document.generation)
            self._documents[document.id] = self._changed("document", document.id, as_value(document))

    def withdraw(self, document: str) -> None:
        """A document is no longer assigned."""
        if self._documents.pop(document, None):
            del self._versions[document]
            self._changed("no-document", document, document)

    def hand_out(self, task: AgentTask) -> None:
        """A task, or another try of it."""
        value = as_value(task)
        self._wished(task.document or "", task.generation or 0)
        if task.id not in self._tasks or self._tasks[task.id].value != value:
            self._tasks[task.id] = self._changed("task", task.id, value)

    def done(self, task_id: str) -> None:
        """The end of a task is known."""
        if self._tasks.pop(task_id, None):
            self._cancels.pop(task_id, None)
            self._changed("no-task", task_id, task_id)

    def cancel(self, cancel: Cancel) -> None:
        """A task that was handed out is no longer wanted."""
        if cancel.task_id in self._tasks and cancel.task_id not in self._cancels:
            self._cancels[cancel.task_id] = self._changed("cancel", cancel.task_id, to_json(cancel))

    def since(self, held: SetPosition, session: str, budget: Budget = Budget()) -> tuple[Assignments, ...]:
        """What brings who holds this position to where the set is."""
        if held == self.position:
            return ()
        oldest = self._changes[0][0] if self._changes else self._sequence + 1
        follows = held.id == self._set_id and oldest - 1 <= held.sequence < self._sequence
        return self._increments(held, session, budget) if follows else self._whole(session, budget)

    def _wished(self, document: str, generation: int) -> None:
        self._generations[document] = max(generation, self.generation(document))

    def _changed(self, what: What, name: str, value: Any) -> Part:
        part = Part(what, name, value, len(canonical(value)))
        self._sequence += 1
        self._changes.append((self._sequence, part))
        return part

    def _increments(self, held: SetPosition, session: str, budget: Budget) -> tuple[Assignments, ...]:
        missing = [item for item in self._changes if item[0] > held.sequence]
        found: list[Assignments] = []
        at = held.sequence
        for group in _grouped([part for _, part in missing], budget):
            found.append(self._message(group, session, mode="increment", span=(at, at + len(group))))
            at += len(group)
        return tuple(found)

    def _whole(self, session: str, budget: Budget) -> tuple[Assignments, ...]:
        everything = [*self._documents.values(), *self._tasks.values(), *self._cancels.values()]
        groups = _grouped(everything, budget) or [[]]
        return tuple(
            self._message(group, session, mode="full", span=(0, self._sequence), part=(number, len(groups)))
            for number, group in enumerate(groups, start=1)
        )

    def _message(
        self,
        group: list[Part],
        session: str,
        *,
        mode: Literal["full", "increment"],
        span: tuple[int, int],
        part: tuple[int, int] = (1, 1),
    ) -> Assignments:
        last = {(_about(item), item.name): item for item in group}
        by = {what: [item.value for item in items] for what, items in _sorted(last)}
        gone = set(by.get("no-task", ()))
        return Assignments(
            session=session,
            set_id=self._set_id,
            mode=mode,
            applies_to=span[0],
            results_in=span[1],
            part=part[0],
            parts=part[1],
            documents=tuple(by.get("document", ())),
            removed_documents=tuple(by.get("no-document", ())),
            tasks=tuple(by.get("task", ())),
            removed_tasks=tuple(by.get("no-task", ())),
            cancels=tuple(from_json(Cancel, item) for item in by.get("cancel", ()) if item["taskId"] not in gone),
        )


def _about(part: Part) -> str:
    """Parts about the same thing: the last one counts."""
    return part.what.removeprefix("no-")


def _sorted(last: Mapping[tuple[str, str], Part]) -> Iterable[tuple[str, list[Part]]]:
    ordered = sorted(last.values(), key=lambda item: item.what)
    return ((what, list(items)) for what, items in groupby(ordered, key=lambda item: item.what))


def _grouped(parts: list[Part], budget: Budget) -> list[list[Part]]:
    groups: list[list[Part]] = []
    size = 0
    for part in parts:
        if not groups or size + part.size > budget.size or len(groups[-1]) >= budget.parts:
            groups.append([])
            size = 0
        groups[-1].append(part)
        size += part.size
    return groups
