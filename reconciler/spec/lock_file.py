"""A lock file's text as plain values: strict YAML, the allow-list of its schema, nothing left to interpolate.

Compose reads the same text with another YAML reader. So that both understand the same, plain values that
readers of YAML understand differently are refused (``0x10``, ``1_000``, ``True``, dates): they are to be quoted.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from reconciler.spec.explain import explain
from reconciler.spec.problem import Path, Problem, dotted, is_private
from reconciler.spec.schema import LOCK_KIND
from reconciler.spec.yaml_tree import MAX_PROBLEMS, Node, Tree, read_trees

_INTERPOLATION = re.compile(r"(?<!\$)(?:\$\$)*\$(?!\$)(\{[^}]*\}?|\w*)")
_DISPUTED = re.compile(
    r"[-+]?0[0-9_]+|[-+]?0([xX][0-9a-fA-F_]+|[oO][0-7_]+|[bB][01_]+)"
    r"|[-+]?[0-9][0-9_]*_[0-9_]*(\.[0-9_]*)?|\+[0-9][0-9.]*"
    r"|[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)[eE][-+]?[0-9]+|[-+]?\.[0-9]+|[0-9]+\.|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)"
    r"|Null|NULL|True|TRUE|False|FALSE|[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}([Tt ].*)?|[0-9]{19,}"
)
"""Plain texts that are numbers, words or times to one reader of YAML and not to another."""


@dataclass(frozen=True, slots=True)
class LockText:
    """A lock file that keeps the rules of its schema. ``value`` has single dollars; ``tree`` the places."""

    value: Mapping[str, Any]
    tree: Tree
    file: str

    def problem(self, path: Path, message: str, *, document: str) -> Problem:
        """A Problem at ``path``, or at as much of it as is written."""
        place = self.tree.place(path)
        return Problem(
            self.file, place.line, place.column, dotted(path), message, document=document, text=place.text
        )


def read_lock(content: bytes, file: str) -> tuple[LockText | None, tuple[Problem, ...]]:
    """The lock file, or everything that is wrong with its text. Never raises."""
    trees, problems = read_trees(content, file)
    if problems or not trees:
        return None, problems or (Problem(file, 1, 1, "", "the file is empty"),)
    tree = trees[0]
    if len(trees) > 1:
        second = trees[1].root.mark.line + 1
        return None, (Problem(file, second, 1, "", "a lock file is one YAML document; remove the second"),)
    if not isinstance(tree.root.value, dict):
        return None, (Problem(file, 1, 1, "", 'a lock file is a mapping with "services"'),)
    wrong = (*explain(LOCK_KIND, tree, file), *_texts_that_differ(tree, file))
    if wrong:
        return None, tuple(sorted({(item.line, item.column): item for item in wrong}.values())[:MAX_PROBLEMS])
    return LockText(_plain(tree.root.value), tree, file), ()


def is_disputed(text: str) -> bool:
    """Whether a text that stands without quotes is something else to some readers of YAML."""
    return _DISPUTED.fullmatch(text) is not None


def _texts_that_differ(tree: Tree, file: str) -> Iterator[Problem]:
    """What Compose would put something else for, or read in another way."""
    for path, node in _scalars(tree.root, ()):
        message = _difference(node, private=is_private(path))
        if message:
            place = tree.place(path)
            yield Problem(file, place.line, place.column, dotted(path), message, text=place.text)


def _difference(node: Node, *, private: bool) -> str:
    if not isinstance(node.value, str):
        return ""
    if found := _INTERPOLATION.search(node.value):
        what = "a variable" if private else f'"${found[1]}"'
        return f"{what} is to be interpolated; a lock file has only values, and a dollar is written as $$"
    if not node.style and is_disputed(node.value):
        return "is read differently by different programs; put quotes around it"
    return ""


def _scalars(node: Node, path: Path) -> Iterator[tuple[Path, Node]]:
    if node.children is None:
        yield path, node
        return
    pairs = node.children.items() if isinstance(node.children, dict) else enumerate(node.children)
    for part, child in pairs:
        yield from _scalars(child, (*path, part))


def _plain(value: Any) -> Any:
    """With the dollars as they are meant."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value.replace("$$", "$") if isinstance(value, str) else value
