"""Processes of this host that a mark in their environment names: how what was begun in a container is ended.

A mark is inherited by all that a process begins. One that clears its environment is found as long as it has a
marked parent. A number of a process that was used again meanwhile is not hit: the mark is looked at once more,
through a handle that stays with the process.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Final

LOOK_S: Final = 0.05


class Processes:
    """``proc``: where the kernel tells of processes."""

    def __init__(self, proc: Path = Path("/proc")) -> None:
        self._proc = proc

    def sees(self, number: int, container_id: str) -> bool:
        """Whether this number is, here, that of a process in the container, whose environment can be read and
        which can be ended: then all that is begun there can be.
        """
        place = self._proc / str(number)
        try:
            if number <= 0 or container_id not in (place / "cgroup").read_text():
                return False
            (place / "environ").read_bytes()
            handle = os.pidfd_open(number)
            try:
                signal.pidfd_send_signal(handle, 0)  # kill(2): nothing is sent, and whether it could be is told
            finally:
                os.close(handle)
        except OSError:
            return False
        return True

    def marked(self, mark: str) -> frozenset[int]:
        """Those that have this variable with this value, or a parent that has it."""
        parents, found = {}, set()
        for number in self._numbers():
            parents[number] = self._parent(number)
            if mark in self._environment(number):
                found.add(number)
        size = -1
        while size != len(found):
            size = len(found)
            found |= {number for number, parent in parents.items() if parent in found}
        return frozenset(found)

    def marks(self, beginning: str) -> frozenset[str]:
        """The marks that begin so, of all processes."""
        return frozenset(
            item for number in self._numbers() for item in self._environment(number) if item.startswith(beginning)
        )

    def end(self, mark: str, *, within_s: float) -> bool:
        """End all of them, and what they begin meanwhile; whether none is left."""
        until = time.monotonic() + within_s
        while self.marked(mark):
            if time.monotonic() > until:
                return False
            self._end(mark)
            time.sleep(LOOK_S)
        return True

    def _end(self, mark: str) -> None:
        """All of them are halted before the first is ended: what has lost its parent would not be found by it."""
        with ExitStack() as stack:
            handles: dict[int, int] = {}
            while new := self.marked(mark) - handles.keys():
                for number in new:
                    handles[number] = self._halted(number, mark, handles, stack)
            for handle in handles.values():
                _signal(handle, signal.SIGKILL)

    def _halted(self, number: int, mark: str, known: Mapping[int, int], stack: ExitStack) -> int:
        """A handle of it, which stays with this process; -1 where it is gone or another one has its number."""
        with suppress(ProcessLookupError, PermissionError):
            handle = os.pidfd_open(number)
            stack.callback(os.close, handle)
            if mark in self._environment(number) or self._parent(number) in {*known, *self.marked(mark)}:
                _signal(handle, signal.SIGSTOP)
                return handle
        return -1

    def _numbers(self) -> Iterator[int]:
        return (int(entry.name) for entry in os.scandir(self._proc) if entry.name.isdecimal())

    def _environment(self, number: int) -> tuple[str, ...]:
        """Of one that has ended and that nobody has asked after: nothing."""
        try:
            content = (self._proc / str(number) / "environ").read_bytes()
        except OSError:
            return ()
        return tuple(item.decode(errors="replace") for item in content.split(b"\0"))

    def _parent(self, number: int) -> int:
        try:
            told = (self._proc / str(number) / "stat").read_text(errors="replace")
        except OSError:
            return 0
        state, parent = told.rpartition(")")[2].split()[:2]
        return 0 if state in {"Z", "X"} else int(parent)


def _signal(handle: int, number: signal.Signals) -> None:
    if handle >= 0:
        with suppress(ProcessLookupError, PermissionError):
            signal.pidfd_send_signal(handle, number)
