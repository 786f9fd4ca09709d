"""Where an audit log lies: a folder of files whose names sort, and beside it the checkpoints.

Reading alone; nothing here writes. A file is named by the sequence of its first line.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from reconciler.audit.checkpoint import Checkpoint, parse
from reconciler.errors import StateUnwritable

_NAME = re.compile(r"audit-([0-9]{15})\.jsonl")
READ: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


@dataclass(frozen=True, slots=True)
class LogFiles:
    """``state`` is the state directory."""

    state: Path

    @property
    def folder(self) -> Path:
        return self.state / "audit"

    @property
    def checkpoints(self) -> Path:
        """Beside the folder, so that a folder that is gone is missed."""
        return self.state / "audit-checkpoints.jsonl"

    def names(self) -> list[str]:
        """The log's files, oldest first; none where there is no log. Raises StateUnwritable."""
        try:
            return sorted(path.name for path in self.folder.iterdir() if _NAME.fullmatch(path.name))
        except FileNotFoundError:
            return []
        except OSError as error:
            raise unreadable(self.folder, error) from error

    def content(self, name: str) -> bytes:
        """A file, whole. Raises StateUnwritable."""
        return _content(self.folder / name)

    def kept_checkpoints(self) -> list[Checkpoint | None]:
        """Those that were kept here, oldest first; None for a line that is none. Raises StateUnwritable."""
        try:
            content = _content(self.checkpoints)
        except StateUnwritable as error:
            if isinstance(error.__cause__, FileNotFoundError):
                return []
            raise
        return list(parse(content.decode("utf-8", "replace")))


def name_of(sequence: int) -> str:
    return f"audit-{sequence:015}.jsonl"


def number_of(name: str) -> int:
    """The sequence of a file's first line, by its name."""
    return int(name.removeprefix("audit-").removesuffix(".jsonl"))


def unreadable(path: Path, error: OSError) -> StateUnwritable:
    return StateUnwritable(
        f"the audit log {path} cannot be read: {error.strerror}",
        hint="it belongs to the user that runs the controller, as the state directory does",
    )


def _content(path: Path) -> bytes:
    try:
        with open(path, "rb", opener=lambda name, _: os.open(name, READ)) as stream:
            return stream.read()
    except OSError as error:
        raise unreadable(path, error) from error
