"""Which Defaults are in force, when the file that holds them may be the one that is broken.

Documents without the Defaults they were meant to have would all be deployed anew; so as long as it is not known
what the Defaults are, every document stays as it was.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from reconciler.spec.assemble import choose_defaults
from reconciler.spec.document import Document
from reconciler.spec.problem import Problem


@dataclass(frozen=True, slots=True)
class Choice:
    """``document`` None with ``known``: there are no Defaults."""

    document: Document | None
    known: bool = True
    problems: tuple[Problem, ...] = ()


class DefaultsInForce:
    """Remembers the last Defaults that could be used."""

    def __init__(self) -> None:
        self._last: Document | None = None

    def choose(
        self, documents: Mapping[str, tuple[Document, ...]], *, suspects: Collection[str], unknown: Collection[str]
    ) -> Choice:
        """``documents`` of the files that can be used; ``unknown`` files that cannot, of which ``suspects`` may
        hold Defaults.
        """
        found = [item for group in documents.values() for item in group if item.kind == "Defaults"]
        chosen, problems = choose_defaults(found)
        if chosen is not None:
            self._last = chosen
        elif not problems and (self._last is None or self._last.file not in unknown):
            self._last = None
            return Choice(None, known=not suspects)
        return Choice(self._last, known=self._last is not None, problems=problems)
