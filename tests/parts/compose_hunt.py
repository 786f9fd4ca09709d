"""Finds the Docker Compose process that works on a given project directory, to kill or to freeze it."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

from tests.parts.host import processes_with, wait_until


def compose_processes(directory: Path, verb: str = "up") -> Iterator[int]:
    """Ids of Compose processes that carry out ``verb`` for the project directory."""
    for pid in processes_with(str(directory)):
        words = _words(pid)
        if verb in words and any("compose" in word for word in words[:2]):
            yield pid


def strike(directory: Path, *, how: signal.Signals, within_s: float, verb: str = "up") -> int:
    """Send a signal to the first such process as soon as there is one; its id. 0 when none came in time."""
    found: list[int] = []

    def there() -> bool:
        found.extend(compose_processes(directory, verb))
        return bool(found)

    if not wait_until(there, seconds=within_s):
        return 0
    os.kill(found[0], how)
    return found[0]


def _words(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text(errors="replace").split("\0")
    except OSError:  # it ended meanwhile
        return []
