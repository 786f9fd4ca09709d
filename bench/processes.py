"""The controller in a process of its own, and what the kernel tells of a process that runs."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.ground import Wishes
from bench.programs import RECONCILER


def resident_mb(pid: int) -> float:
    """What a process has in memory now."""
    return _status_mb(pid, "VmRSS")


def peak_mb(pid: int) -> float:
    """The most that it ever had."""
    return _status_mb(pid, "VmHWM")


def _status_mb(pid: int, key: str) -> float:
    lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{key}:")) / 1024


def cpu_s(pid: int) -> float:
    """Processor seconds that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def running(wishes: Wishes, **settings: str) -> Iterator[subprocess.Popen[bytes]]:
    """``reconciler run``, until the block ends."""
    environment = {**os.environ, **wishes.environment, **settings}
    with (wishes.folder / "run.log").open("wb") as out:
        process = subprocess.Popen([RECONCILER, "run"], env=environment, stdout=out, stderr=out)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(20)
