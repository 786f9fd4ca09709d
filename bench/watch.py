"""Watches over a run: suites are measured in a process of their own, each no longer than it may take.

A suite can hang anywhere: in a thread, in an engine, in a program that it waits for. So nothing in its own process
is relied on: that process is told to show where it is and to end in good order, as by Ctrl-C, and is killed where
it does not, with what it has started. Another one goes on with the suites that are left, on engines of its own.

The process that measures (``Told``) tells a line for each thing it begins and ends, on a pipe.
"""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Literal, TextIO

GRACE_S = 120.0
"""For what has to be ended in good order: engines with hundreds of containers."""

Command = Callable[[Sequence[str], int], Sequence[str]]
"""What measures suites, by their names, and tells of it on a file descriptor."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How it went with a suite; ``at``: the contestant whose turn it was, "" between turns."""

    suite: str
    how: Literal["measured", "hung", "failed"]
    at: str = ""
    after_s: float = 0.0


class Told:
    """The other end of the pipe, in the process that measures."""

    def __init__(self, out: TextIO) -> None:
        self._out = out

    def begins(self, suite: str) -> None:
        self._say(begins=suite)

    def at(self, contestant: str) -> None:
        self._say(at=contestant)

    def measured(self, suite: str) -> None:
        self._say(measured=suite)

    def _say(self, **line: str) -> None:
        self._out.write(json.dumps(line) + "\n")
        self._out.flush()


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """``within_s`` by suite; to begin with the first may take as long. ``grace_s``: for what comes between and
    after.
    """

    command: Command
    within_s: Mapping[str, float]
    grace_s: float = GRACE_S

    def over(self, names: Sequence[str]) -> tuple[Ended, ...]:
        """Every suite in this order, in as many processes as it takes; how each ended."""
        ended: list[Ended] = []
        while len(ended) < len(names):
            ended += self._batch(names[len(ended) :])
        return tuple(ended)

    def _batch(self, names: Sequence[str]) -> tuple[Ended, ...]:
        """At least the first of them."""
        reading, writing = os.pipe()
        process = subprocess.Popen(self.command(names, writing), pass_fds=[writing], process_group=0)
        os.close(writing)
        batch = _Batch(names, self.within_s, self.grace_s)
        with closing(_lines(reading, lambda: batch.left_s)) as lines:
            try:
                for line in lines:
                    batch.hears(line)
            except TimeoutError:
                _end(process, self.grace_s, signal.SIGUSR1, signal.SIGINT)
                return batch.ended("hung")
            except KeyboardInterrupt:  # in a group of its own, the other process has not heard it
                _end(process, self.grace_s, signal.SIGINT)
                raise
        _end(process, self.grace_s)
        return batch.ended("failed")


class _Batch:
    """What one process has told so far."""

    def __init__(self, names: Sequence[str], within_s: Mapping[str, float], grace_s: float) -> None:
        self._names, self._within_s, self._grace_s = names, within_s, grace_s
        self._measured: list[Ended] = []
        self._suite, self._at = "", ""
        self._began, self._may_take = time.monotonic(), within_s[names[0]]

    @property
    def left_s(self) -> float:
        return self._may_take - self._taken_s

    @property
    def _taken_s(self) -> float:
        return time.monotonic() - self._began

    def hears(self, line: str) -> None:
        match json.loads(line):
            case {"begins": suite}:
                self._next(suite, self._within_s[suite])
            case {"at": contestant}:
                self._at = contestant
            case {"measured": suite}:
                self._measured.append(Ended(suite, "measured", after_s=self._taken_s))
                self._next("", self._grace_s)

    def ended(self, how: Literal["hung", "failed"]) -> tuple[Ended, ...]:
        """What was measured, and that which was not, or that with which nothing was even begun."""
        lost = self._suite or ("" if self._measured else self._names[0])
        return (*self._measured, *([Ended(lost, how, self._at, self._taken_s)] if lost else []))

    def _next(self, suite: str, may_take: float) -> None:
        self._suite, self._at = suite, ""
        self._began, self._may_take = time.monotonic(), may_take


def _lines(reading: int, left_s: Callable[[], float]) -> Generator[str, None, None]:
    """Until the other end is closed. Raises TimeoutError when no time is left."""
    with os.fdopen(reading, "rb", buffering=0) as pipe:
        rest = b""
        while True:
            left = left_s()
            if left <= 0 or not select.select([pipe], [], [], left)[0]:
                raise TimeoutError
            block = pipe.read(65536)
            if not block:
                return
            *whole, rest = (rest + block).split(b"\n")
            yield from (line.decode() for line in whole)


def _end(process: subprocess.Popen[bytes], grace_s: float, *signals: signal.Signals) -> None:
    """Give it these signals and wait for its end; after the grace it is killed with all that it has started."""
    for one in signals:
        process.send_signal(one)
    try:
        process.wait(grace_s)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
