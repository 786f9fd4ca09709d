"""Patches: what an edit of a document's file changes, shown as a unified diff."""

from __future__ import annotations

import difflib
from typing import Final

from reconciler.cli.screen import Screen

_STYLES: Final = {"+": "green", "-": "red", "@": "cyan"}


def unified(before: str, after: str, name: str) -> str:
    """A patch that ``patch -p1`` takes; "" when nothing changes."""
    lines = difflib.unified_diff(
        before.splitlines(keepends=True), after.splitlines(keepends=True), f"a/{name}", f"b/{name}"
    )
    return "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines)


def show_patch(screen: Screen, patch: str) -> None:
    """The patch on standard output, coloured on a terminal."""
    for line in patch.splitlines():
        head = line.startswith(("---", "+++"))
        screen.line(line, "bold" if head else _STYLES.get(line[:1], ""))
