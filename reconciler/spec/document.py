"""Documents: what a file's text says, valid by the schema of its kind, before Defaults are merged under it.

A Document keeps the text it came from rather than a place for every value: places are wanted only when
something is wrong, and are then looked up in the text again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from reconciler.core.desired import SourceLocation
from reconciler.spec.explain import explain, name_of
from reconciler.spec.problem import Path, Place, Problem, choices, dotted
from reconciler.spec.schema import API_VERSION, KINDS
from reconciler.spec.yaml_tree import Tree, read_trees


@dataclass(frozen=True, slots=True)
class Document:
    """``index`` counts the documents of the file from 0; ``line`` is its first, from 1."""

    kind: str
    file: str
    line: int
    index: int
    value: Mapping[str, Any]
    content: bytes = field(repr=False)

    @property
    def name(self) -> str:
        """The name from the metadata; "" for Defaults without one."""
        name: str = self.value.get("metadata", {}).get("name", "")
        return name

    @property
    def target(self) -> str | None:
        target: str | None = self.value.get("metadata", {}).get("target")
        return target

    @property
    def source(self) -> SourceLocation:
        return SourceLocation(self.file, self.line)

    def problem(self, path: Path, message: str, *, level: str = "error") -> Problem:
        """A Problem at ``path``, or at as much of it as is written in this document."""
        place = self._place(path)
        return Problem(
            self.file,
            place.line,
            place.column,
            dotted(path),
            message,
            "warning" if level == "warning" else "error",
            self.name,
            place.text,
        )

    def _place(self, path: Path) -> Place:
        trees, _ = read_trees(self.content, self.file)
        return trees[self.index].place(path)

    def says(self, path: Path) -> bool:
        """Whether ``path`` is written in this document itself (not in Defaults)."""
        value: Any = self.value
        for part in path:
            if isinstance(value, Mapping) and part in value:
                value = value[str(part)]
            elif isinstance(value, list) and isinstance(part, int) and part < len(value):
                value = value[part]
            else:
                return False
        return True


def read_documents(content: bytes, file: str) -> tuple[tuple[Document, ...], tuple[Problem, ...]]:
    """The valid documents of a file, and everything that is wrong in it. Never raises."""
    trees, problems = read_trees(content, file)
    documents: list[Document] = []
    found = list(problems)
    for index, tree in enumerate(trees):
        if not tree.sound:
            continue
        kind, wrong = _kind(tree, file)
        wrong = wrong or explain(kind, tree, file)
        found += wrong
        if not wrong:
            documents.append(Document(kind, file, tree.root.mark.line + 1, index, tree.root.value, content))
    return tuple(documents), tuple(sorted(found))


def _kind(tree: Tree, file: str) -> tuple[str, tuple[Problem, ...]]:
    value = tree.root.value
    if not isinstance(value, Mapping):
        return "", (_at(tree, file, (), f'a document is a mapping that begins with "apiVersion: {API_VERSION}"'),)
    version, kind = value.get("apiVersion"), value.get("kind")
    if isinstance(version, str) and version != API_VERSION:
        message = f'"{version}" is not a version that this program reads; allowed: {API_VERSION}'
        return "", (_at(tree, file, ("apiVersion",), message),)
    if kind in KINDS:
        return str(kind), ()
    if "kind" not in value:
        message = f"is missing; allowed: {', '.join(KINDS)}"
    else:
        message = f'"{kind}" is not a kind of document{choices(str(kind), KINDS)}'
    return "", (_at(tree, file, ("kind",), message),)


def _at(tree: Tree, file: str, path: Path, message: str) -> Problem:
    place = tree.place(path)
    name = name_of(tree.root.value)
    return Problem(file, place.line, place.column, dotted(path), message, document=name, text=place.text)
