"""Programs that begin at once: a command costs a fork, not the 0.5 s in which Python imports what it needs.

The warm process (``warm_server``) does the work; here is what a test holds of it. A command is a real process with
an id of its own, and may be stopped, killed and waited for as one.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from tests.parts import host

ROOT = Path(__file__).parents[2]
ROOM = 8192
"""Bytes on the command line of the warm process, for those of its commands."""

_END_S = 10.0
_BEGIN_S = 60.0
"""A command that begins after nobody waits for it any more would do its work in the middle of the next test."""


class Process(Protocol):
    """What tests use of a program that runs: a part of ``subprocess.Popen``."""

    pid: int
    returncode: int | None

    def poll(self) -> int | None: ...

    def wait(self, timeout: float | None = None) -> int: ...

    def send_signal(self, sig: int) -> None: ...

    def terminate(self) -> None: ...

    def kill(self) -> None: ...


class Programs(Protocol):
    """Starts our command line."""

    def start(self, *words: str, environment: Mapping[str, str], folder: Path, out: int, err: int) -> Process:
        """``python -m reconciler WORDS`` with this environment alone, nothing to read, its output to two files."""
        ...


class ColdPrograms:
    """A fresh interpreter for every command, as outside of tests."""

    def start(self, *words: str, environment: Mapping[str, str], folder: Path, out: int, err: int) -> Process:
        command = [sys.executable, "-m", "reconciler", *words]
        nothing = subprocess.DEVNULL
        return subprocess.Popen(command, env=environment, cwd=folder, stdin=nothing, stdout=out, stderr=err)


class WarmProcess:
    """A command of the warm process. ``returncode`` is negative where a signal ended it."""

    def __init__(self, words: Sequence[str], report: socket.socket) -> None:
        self._words, self._report, self._unread = list(words), report, b""
        self.returncode: int | None = None
        report.settimeout(_BEGIN_S)
        self.pid = self._number()

    def poll(self) -> int | None:
        """The exit status, None while it runs."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.wait(0)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the end, and return the exit status. Raises subprocess.TimeoutExpired."""
        if self.returncode is None:
            self._report.settimeout(timeout)
            try:
                self.returncode = self._number()
            except (TimeoutError, BlockingIOError):
                raise subprocess.TimeoutExpired(self._words, timeout or 0) from None
            self._report.close()
        return self.returncode

    def send_signal(self, sig: int) -> None:
        """Nothing where it has ended."""
        if self.poll() is None:
            os.kill(self.pid, sig)

    def terminate(self) -> None:
        """SIGTERM."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """SIGKILL."""
        self.send_signal(signal.SIGKILL)

    def _number(self) -> int:
        """The next line of the report."""
        while b"\n" not in self._unread:
            told = self._report.recv(64)
            if not told:
                raise host.PartFailed(f"the warm process has ended under {self._words}")
            self._unread += told
        line, _, self._unread = self._unread.partition(b"\n")
        return int(line)


class WarmPrograms:
    """The warm process: as long as the block, or as its owner lives. Takes 1 s to get warm; the first waits."""

    def __init__(self) -> None:
        self._asked, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._server = subprocess.Popen(
                [sys.executable, "-m", "tests.parts.warm_server", str(theirs.fileno()), " " * ROOM],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                cwd=ROOT,
                env=_unmeasured(),
                pass_fds=[theirs.fileno()],
            )

    @property
    def pid(self) -> int:
        """Process id of the warm process."""
        return self._server.pid

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._asked.close()
        host.end(self._server, signal.SIGCONT, seconds=_END_S)

    def start(self, *words: str, environment: Mapping[str, str], folder: Path, out: int, err: int) -> Process:
        order = {"words": words, "environment": dict(environment), "folder": str(folder)}
        report, theirs = socket.socketpair()
        with theirs, Path(os.devnull).open("rb") as nothing:
            handles = [nothing.fileno(), out, err, theirs.fileno()]
            socket.send_fds(self._asked, [json.dumps(order).encode()], handles)
        return WarmProcess(words, report)


def _unmeasured() -> dict[str, str]:
    """Our environment, but what would have coverage measured in the warm process and all its commands."""
    return {key: value for key, value in os.environ.items() if not key.startswith("COVERAGE_")}
