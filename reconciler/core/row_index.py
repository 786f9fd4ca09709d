"""The rows of one list of containers by what makes them matter to a document. Pure.

A container can matter to a document because the history names it, because it has a name that the document wants,
because it carries the document's label, or because it is in one of its projects; nothing else of the list does.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable, Sequence

from reconciler.core import names
from reconciler.core.itself import own_container
from reconciler.core.observation import ContainerRow, Subject
from reconciler.core.project import PROJECT_LABEL


class RowIndex:
    """``images`` are the ids of the images of all containers. Used by several threads: each entry is written at
    once.
    """

    def __init__(self, rows: Sequence[ContainerRow]) -> None:
        self._by_id = {row.id: number for number, row in enumerate(rows)}
        self._by_name = _grouped((row.name, number) for number, row in enumerate(rows))
        self._by_document = _grouped((row.labels.get(names.DOCUMENT), number) for number, row in enumerate(rows))
        self._by_project = _grouped((row.labels.get(PROJECT_LABEL), number) for number, row in enumerate(rows))
        self._rows = tuple(rows)
        self._found: dict[str, tuple[Subject, tuple[ContainerRow, ...]]] = {}
        self._beginning: dict[frozenset[str], ContainerRow | None] = {}
        self.images = frozenset(row.image_id for row in rows)

    def renewed(self, rows: Sequence[ContainerRow]) -> RowIndex:
        """That of a later list. Rows that are as they were are the very objects that they were, so that they are
        kept once and comparing them costs nothing; where all are, so is the index.
        """
        same = tuple([self._same(row) for row in rows])
        return self if same == self._rows else RowIndex(same)

    @property
    def rows(self) -> tuple[ContainerRow, ...]:
        """The list."""
        return self._rows

    def _same(self, row: ContainerRow) -> ContainerRow:
        number = self._by_id.get(row.id)
        return self._rows[number] if number is not None and self._rows[number] == row else row

    def beginning_with(self, ids: frozenset[str]) -> ContainerRow | None:
        """The container that we run in, by the beginnings of its id."""
        if ids not in self._beginning:
            self._beginning[ids] = own_container(self._rows, ids)
        return self._beginning[ids]

    def of(self, subject: Subject) -> tuple[ContainerRow, ...]:
        """The rows that could matter to one document, in the order of the list."""
        known = self._found.get(subject.name)
        if known is None or known[0] is not subject:
            known = self._found[subject.name] = subject, self._of(subject)
        return known[1]

    def _of(self, subject: Subject) -> tuple[ContainerRow, ...]:
        found = set(self._by_document.get(subject.name, ()))
        for key in subject.container_ids:
            if key in self._by_id:
                found.add(self._by_id[key])
        for name in subject.container_names:
            found.update(self._by_name.get(name, ()))
        for project in subject.projects:
            found.update(self._by_project.get(project, ()))
        return tuple([self._rows[number] for number in sorted(found)])

    def of_all(self, subjects: Iterable[Subject]) -> tuple[ContainerRow, ...]:
        """The rows that could matter to any of these."""
        return tuple({row.id: row for subject in subjects for row in self.of(subject)}.values())


def _grouped(pairs: Iterable[tuple[Hashable, int]]) -> dict[Hashable, list[int]]:
    groups: dict[Hashable, list[int]] = defaultdict(list)
    for key, number in pairs:
        groups[key].append(number)
    return dict(groups)
