"""The controller in a process of its own, and what the kernel tells of a process that runs."""

from __future__ import annotations

import os
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.ground import Wishes
from bench.programs import RECONCILER, ProgramFailed
from tests.parts.host import wait_until
from tests.parts.ports import free_port

READY_S = 120.0


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


@dataclass(frozen=True, slots=True)
class Controller:
    """``reconciler run`` in a process; ``url`` is where it tells of itself."""

    pid: int
    url: str


@contextmanager
def running(wishes: Wishes, **settings: str) -> Iterator[Controller]:
    """``reconciler run``, from its first look at everything until the block ends."""
    listen = f"127.0.0.1:{free_port()}"
    environment = {**os.environ, **wishes.environment, "RECONCILER_LISTEN": listen, **settings}
    with (wishes.folder / "run.log").open("wb") as out:
        process = subprocess.Popen([RECONCILER, "run"], env=environment, stdout=out, stderr=out)
    try:
        if not wait_until(lambda: _ready(f"http://{listen}/readyz"), seconds=READY_S):
            raise ProgramFailed(f"the controller is not ready: {(wishes.folder / 'run.log').read_text()[-2000:]}")
        yield Controller(process.pid, f"http://{listen}")
    finally:
        process.terminate()
        process.wait(20)


def _ready(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310  (our own loopback address)
            return bool(answer.status == 200)
    except OSError:
        return False
