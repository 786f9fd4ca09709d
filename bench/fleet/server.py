"""The orchestrator under load: the program in a process of its own, and what it takes of the machine."""

from __future__ import annotations

import base64
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from reconciler.core.member import Member, Role
from reconciler.orchestrator.app import create, open_database
from reconciler.orchestrator.home import Home, Reached
from reconciler.orchestrator.store import agents
from reconciler.sealing.boxes import KEY_BYTES
from reconciler.tls.passport import Passport
from tests.parts.host import wait_until
from tests.parts.ports import free_port, listened_on

TICKS = os.sysconf("SC_CLK_TCK")
READY_S = 60.0


@dataclass(frozen=True, slots=True)
class Taken:
    """Of the machine, by one process: seconds of processor time, bytes that only it has in memory."""

    cpu_s: float
    bytes: int


class Server:
    """An orchestrator with agents that have joined it already. ``passports`` are theirs, by name."""

    def __init__(self, folder: Path, count: int, *, interval_s: int) -> None:
        self._folder, self._interval_s = folder, interval_s
        self.port, self._monitor = free_port(), free_port()
        reached = Reached(names=("127.0.0.1",), listen=f"127.0.0.1:{self.port}", enroll=f"127.0.0.1:{free_port()}")
        self.home: Home = create(folder / "home", reached, "bench")
        self.passports = self._joined(count)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    def _joined(self, count: int) -> dict[str, Passport]:
        authority, now = self.home.authority.authority(), datetime.now(UTC)
        names = [f"host-{number:04}" for number in range(count)]
        found = {name: authority.passport(Member(Role.AGENT, name), now=now) for name in names}
        papers = agents.Papers(
            sealing_key=base64.b64encode(bytes(KEY_BYTES)).decode(), certificate_ends=found[names[0]].ends
        )
        with open_database(self.home) as database, database.write() as on:
            for name in names:
                agents.enrolled(on, name, papers, labels={}, now=now)
        return found

    @contextmanager
    def running(self) -> Iterator[None]:
        """While the block lasts, with the limits of files that this process was given."""
        words = ("orchestrator", "run", "--home", str(self.home.path), "--interval", str(self._interval_s))
        monitor = ("--monitor", f"127.0.0.1:{self._monitor}")
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "reconciler", *words, *monitor], stdout=log, stderr=log
            )
        try:
            if not wait_until(lambda: self.port in listened_on(), seconds=READY_S):
                raise RuntimeError(
                    f"the orchestrator does not listen: {(self._folder / 'log').read_text()[-2000:]}"
                )
            time.sleep(2)
            yield
        finally:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(60)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()

    def taken(self) -> Taken:
        """So far."""
        if self._process is None:
            raise RuntimeError("the orchestrator does not run")
        place = Path("/proc") / str(self._process.pid)
        fields = (place / "stat").read_text().rpartition(")")[2].split()
        lines = (place / "smaps_rollup").read_text().splitlines()
        private = sum(
            int(line.split()[1]) for line in lines if line.startswith(("Private_Clean", "Private_Dirty"))
        )
        return Taken((int(fields[11]) + int(fields[12])) / TICKS, private * 1024)
