"""Limits for processes that run already, set by the kernel's control groups: of memory, and of processes.

Works with both versions of them (https://docs.kernel.org/admin-guide/cgroup-v1/ and cgroup-v2.html).
"""

from __future__ import annotations

import re
import uuid
from pathlib import Path
from types import TracebackType
from typing import ClassVar, Self

from tests.parts.host import PartFailed, wait_until

MEMORY_BYTES = 256 * 1024
"""Memory that a process has already is not counted (version 1) or taken away first (version 2)."""

_ROOT = Path("/sys/fs/cgroup")
_KILLS = re.compile(r"^oom_kill (\d+)$", re.MULTILINE)


class ControlGroup:
    """A group of its own, empty at first; gone at the end. ``_controller`` limits what is in it."""

    _controller: ClassVar[str]

    def __init__(self) -> None:
        self._newer = (_ROOT / "cgroup.controllers").exists()
        self._home = _ROOT if self._newer else _ROOT / self._controller
        self._group = self._home / f"reconciler-{uuid.uuid4().hex[:12]}"

    def hold(self, pid: int) -> None:
        """From now on the limits bind this process."""
        (self._group / "cgroup.procs").write_text(str(pid))

    def release(self, pid: int) -> None:
        """They bind it no more."""
        (self._home / "cgroup.procs").write_text(str(pid))

    def _limit(self) -> None:
        """Set the limits of the new group."""

    def __enter__(self) -> Self:
        try:
            self._group.mkdir()
            self._limit()
        except OSError as error:
            raise PartFailed(f"no limit can be set below {_ROOT}: run as root, on the host itself") from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        def gone() -> bool:
            try:
                self._group.rmdir()
            except OSError:  # whoever was in it has not ended yet
                return False
            return True

        if not wait_until(gone, seconds=5):
            raise PartFailed(f"{self._group} cannot be removed: somebody is in it")


class MemoryLimit(ControlGroup):
    """Hardly any more memory than what a process has: the kernel kills who asks for more."""

    _controller = "memory"

    def _limit(self) -> None:
        (self._group / ("memory.max" if self._newer else "memory.limit_in_bytes")).write_text(str(MEMORY_BYTES))

    @property
    def kills(self) -> int:
        """How many processes the kernel has killed for it."""
        events = self._group / ("memory.events" if self._newer else "memory.oom_control")
        found = _KILLS.search(events.read_text())
        return int(found[1]) if found else 0


class ProcessLimit(ControlGroup):
    """No process and no thread beyond those that are there: to begin one fails (EAGAIN)."""

    _controller = "pids"

    def _limit(self) -> None:
        (self._group / "pids.max").write_text("1")
