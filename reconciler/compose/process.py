"""One run of a program: started without a shell, read while it works, ended at a deadline.

Its output goes to files in memory, not to pipes: a program whose reader died would be killed by its next word,
and Compose is to come to an end also when we do not. The process has a session of its own, so that what a terminal
sends to us does not reach it. Linux only (memfd_create(2), pidfd_open(2)).

Invariants: no run takes longer than its deadline and the grace together, and none may write more than the limit;
standard input is empty, so that whatever asks gets no answer.
"""

from __future__ import annotations

import os
import resource
import select
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from reconciler.compose.lines import clean

_TICK_MS = 100
_CHUNK = 16 * 1024
_CHUNKS = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """``deadline_s`` until SIGTERM, ``grace_s`` from there to SIGKILL; ``output_bytes`` for each output."""

    deadline_s: float = 600.0
    grace_s: float = 15.0
    output_bytes: int = 8 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a run ended. ``output`` is its standard output; ``late`` and ``loud``: it was ended at the deadline, or
    because it wrote too much.
    """

    code: int
    output: bytes
    lines: tuple[str, ...]
    late: bool = False
    loud: bool = False


def run(
    command: Sequence[str],
    *,
    environment: Mapping[str, str],
    limits: Limits,
    on_line: Callable[[str], None],
    inherit: tuple[int, ...] = (),
) -> Ended:
    """Run it to its end. ``on_line`` is told each line of its standard error, as it comes; ``inherit`` are file
    descriptors that it gets. Raises OSError when it can't be started.
    """
    with _memory("output") as output, _memory("errors") as errors:
        with subprocess.Popen(  # noqa: S603 - an argument list, no shell
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=errors,
            env=dict(environment),
            cwd="/",
            pass_fds=inherit,
            start_new_session=True,
        ) as process:
            # the kernel keeps to it also between two looks; what was written before is not read beyond the limit
            resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (limits.output_bytes, limits.output_bytes))
            reader = _Lines(errors, on_line, limit=limits.output_bytes)
            late, loud = _attend(process, limits, reader, (output, errors))
        reader.finish()
        return Ended(
            code=process.returncode,
            output=os.pread(output, limits.output_bytes, 0),
            lines=tuple(reader.lines),
            late=late,
            loud=loud,
        )


def _attend(
    process: subprocess.Popen[bytes], limits: Limits, reader: _Lines, outputs: tuple[int, int]
) -> tuple[bool, bool]:
    """Read on until it ended, and end it where it has to be. Returns whether it was late, and too loud."""
    until = time.monotonic() + limits.deadline_s
    late = loud = False
    with _watched(process.pid) as ended:
        while not ended.poll(_TICK_MS):
            reader.advance()
            over = time.monotonic() > until
            too_much = _is_full(outputs, limits)
            if (late or loud) and over:
                os.killpg(process.pid, signal.SIGKILL)
            elif not (late or loud) and (over or too_much):
                late, loud = over, too_much and not over
                until = time.monotonic() + limits.grace_s
                os.killpg(process.pid, signal.SIGTERM)
    return late, loud or _is_full(outputs, limits)


def _is_full(outputs: tuple[int, int], limits: Limits) -> bool:
    return any(os.fstat(file).st_size >= limits.output_bytes for file in outputs)


class _Lines:
    """Whole lines of a file that grows; the last ones are kept. Beyond ``limit`` bytes nothing is read."""

    def __init__(self, file: int, on_line: Callable[[str], None], *, limit: int) -> None:
        self.lines: list[str] = []
        self._file = file
        self._limit = limit
        self._place = 0
        self._rest = b""
        self._on_line = on_line

    def advance(self) -> bool:
        """Tell what came since the last time, or of very much a part: True then."""
        for _ in range(_CHUNKS):
            chunk = os.pread(self._file, min(_CHUNK, self._limit - self._place), self._place)
            if not chunk:
                return False
            self._place += len(chunk)
            *whole, rest = (self._rest + chunk).split(b"\n")
            self._rest = rest[:_CHUNK]
            for line in whole:
                self._tell(line)
        return True

    def finish(self) -> None:
        """Tell the rest too: the process has ended."""
        while self.advance():
            """Read on."""
        self._tell(self._rest)
        self._rest = b""

    def _tell(self, raw: bytes) -> None:
        line = clean(raw)
        if line.strip():
            self.lines = [*self.lines[-199:], line]
            self._on_line(line)


@contextmanager
def _memory(name: str) -> Iterator[int]:
    file = os.memfd_create(name, os.MFD_CLOEXEC)
    try:
        yield file
    finally:
        os.close(file)


@contextmanager
def _watched(pid: int) -> Iterator[select.poll]:
    """Something to wait on for the end of a child of ours that nobody else waits for."""
    handle = os.pidfd_open(pid)
    try:
        waiting = select.poll()
        waiting.register(handle, select.POLLIN)
        yield waiting
    finally:
        os.close(handle)
