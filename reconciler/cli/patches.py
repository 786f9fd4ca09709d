"""Patches: what an edit of a document's file changes, as people are shown it, with secrets masked.

Of a file beside a document only a text of YAML mappings is shown in lines; of others, and of secrets, that they
differ.
"""

from __future__ import annotations

from typing import Final

from reconciler.cli.rollback_files import Change
from reconciler.cli.screen import Screen
from reconciler.spec.patch_text import unified
from reconciler.spec.yaml_tree import read_trees

_STYLES: Final = {"+": "green", "-": "red", "@": "cyan"}


def patch_of(change: Change) -> str:
    """What changes in one file; "" when nothing does."""
    texts = [_structured(content) for content in (change.before or b"", change.after)]
    if change.shown and texts[0] is not None and texts[1] is not None:
        return unified(texts[0], texts[1], change.file)
    if change.before is None:
        return f"New file b/{change.file}\n"
    return f"Files a/{change.file} and b/{change.file} differ\n"


def _structured(content: bytes) -> str | None:
    """The text of what is known to have its secrets under keys, so that they can be masked; else None."""
    trees, problems = read_trees(content, "")
    plain = not problems and all(isinstance(tree.root.children, dict) for tree in trees)
    return content.decode() if plain else None


def show_patch(screen: Screen, patch: str) -> None:
    """The patch on standard output, coloured on a terminal."""
    for line in patch.splitlines():
        head = line.startswith(("---", "+++"))
        screen.line(line, "bold" if head else _STYLES.get(line[:1], ""))
