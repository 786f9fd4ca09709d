"""Reading a file of settings key by key: unknown keys are wrong, and reading goes on after what is wrong, so that
all of it is told at once, at its place.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from reconciler.spec.problem import Path, Problem, Wrong, choices, dotted
from reconciler.spec.yaml_tree import Tree

T = TypeVar("T")


class StrictFile:
    """``problems`` is what was wrong so far."""

    def __init__(self, tree: Tree, file: str) -> None:
        self.tree = tree
        self.problems: list[Problem] = []
        self._file = file

    def known(self, path: Path, value: Any, keys: tuple[str, ...]) -> Mapping[str, Any] | None:
        """A mapping of known keys; what else is in it is noted."""
        if not isinstance(value, Mapping):
            self.note(path, f"must be a mapping; allowed: {', '.join(keys)}")
            return None
        for key in value:
            if key not in keys:
                self.note((*path, key), f"unknown key{choices(key, keys, limit=20)}", key=True)
        return value

    def read(self, path: Path, value: Any, reader: Callable[[Any], T]) -> T | None:
        """One value, by its reader; None where that says that it is wrong."""
        try:
            return reader(value)
        except Wrong as wrong:
            self.note(path, str(wrong))
            return None

    def note(self, path: Path, message: str, *, key: bool = False) -> None:
        """Something is wrong at ``path``; ``key``: at its key, not its value."""
        place = self.tree.place(path, key=key)
        problem = Problem(self._file, place.line, place.column, dotted(path), message, text=place.text)
        self.problems.append(problem)
