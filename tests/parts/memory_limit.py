"""A memory limit for processes that run already: below what they need, so that the kernel kills them (cgroups).

Works with both versions of cgroups (https://docs.kernel.org/admin-guide/cgroup-v1/memory.html and cgroup-v2.html).
"""

from __future__ import annotations

import re
import uuid
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.parts.host import PartFailed, wait_until

LIMIT = 256 * 1024
"""Bytes. Memory that a process has already is not counted (version 1) or taken away first (version 2)."""

_ROOT = Path("/sys/fs/cgroup")
_KILLS = re.compile(r"^oom_kill (\d+)$", re.MULTILINE)


class MemoryLimit:
    """A control group of its own, empty at first; gone at the end."""

    def __init__(self) -> None:
        self._newer = (_ROOT / "cgroup.controllers").exists()
        self._group = (_ROOT if self._newer else _ROOT / "memory") / f"reconciler-{uuid.uuid4().hex[:12]}"

    def hold(self, pid: int) -> None:
        """From now on this process may have hardly any more memory."""
        (self._group / "cgroup.procs").write_text(str(pid))

    @property
    def kills(self) -> int:
        """How many processes the kernel has killed for it."""
        found = _KILLS.search(
            (self._group / ("memory.events" if self._newer else "memory.oom_control")).read_text()
        )
        return int(found[1]) if found else 0

    def __enter__(self) -> Self:
        try:
            self._group.mkdir()
            (self._group / ("memory.max" if self._newer else "memory.limit_in_bytes")).write_text(str(LIMIT))
        except OSError as error:
            raise PartFailed(
                f"no memory limit can be set below {_ROOT}: run as root, on the host itself"
            ) from error
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
