"""The real Prometheus, Alertmanager and their tools, as Debian has them; each in a folder of its own.

Owns the processes. Nothing is kept after a test, and no service of the machine is used.
"""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.parts.host import PartFailed, end, program, start_daemon, tail, wait_until
from tests.parts.ports import free_port

STARTS_WITHIN_S = 20.0
ENDS_WITHIN_S = 10.0
ANSWERS_WITHIN_S = 5.0
TOOL_S = 120.0
"""promtool plays all alerts in 14 s of processor time, on a machine that does nothing else."""


def promtool(*words: str, given: str = "") -> tuple[int, str]:
    """Exit status and all that it says."""
    done = subprocess.run(
        [program("promtool", package="prometheus"), *words],
        input=given,
        capture_output=True,
        text=True,
        timeout=TOOL_S,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def amtool(*words: str) -> tuple[int, str]:
    """Exit status and all that it says."""
    command = [program("amtool", package="prometheus-alertmanager"), *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=TOOL_S, check=False)
    return done.returncode, done.stdout + done.stderr


@contextlib.contextmanager
def _running(command: Sequence[str], log: Path, ready: str) -> Iterator[None]:
    """The program, until the end of the block; it is there when its page ``ready`` answers."""
    process = start_daemon(command, log=log, cwd=log.parent)
    try:
        wait_until(lambda: process.poll() is not None or _answers(ready), seconds=STARTS_WITHIN_S)
        if not _answers(ready):
            raise PartFailed(f"{command[0]} does not answer:\n{tail(log)}")
        yield
    finally:
        end(process, signal.SIGTERM, seconds=ENDS_WITHIN_S)


def _answers(url: str) -> bool:
    with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=1) as answer:  # noqa: S310  (our own)
        return bool(answer.status == 200)
    return False


@dataclass(frozen=True, slots=True)
class Prometheus:
    """One that runs. ``address`` is host:port."""

    address: str

    def query(self, expression: str) -> list[dict[str, Any]]:
        """The series of an instant query. Raises an HTTPError where the expression is wrong."""
        asked = urllib.parse.urlencode({"query": expression})
        found: list[dict[str, Any]] = self._get(f"query?{asked}")["result"]
        return found

    def targets(self) -> list[dict[str, Any]]:
        """What it scrapes, and how that goes."""
        found: list[dict[str, Any]] = self._get("targets")["activeTargets"]
        return found

    def _get(self, path: str) -> dict[str, Any]:
        url = f"http://{self.address}/api/v1/{path}"
        with urllib.request.urlopen(url, timeout=ANSWERS_WITHIN_S) as answer:
            told: dict[str, Any] = json.load(answer)["data"]
            return told


@contextlib.contextmanager
def prometheus(folder: Path, settings: Mapping[str, Any]) -> Iterator[Prometheus]:
    """One that runs with these settings (those of prometheus.yml)."""
    folder.mkdir()
    file, address = folder / "prometheus.yml", f"127.0.0.1:{free_port()}"
    file.write_text(yaml.safe_dump(dict(settings)))
    command = [
        program("prometheus", package="prometheus"),
        f"--config.file={file}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address={address}",
        "--log.level=warn",
    ]
    with _running(command, folder / "log", f"http://{address}/-/ready"):
        yield Prometheus(address)


@contextlib.contextmanager
def alertmanager(folder: Path, settings: Mapping[str, Any]) -> Iterator[str]:
    """Address (host:port) of one that runs with these settings (those of alertmanager.yml), alone."""
    folder.mkdir()
    file, address = folder / "alertmanager.yml", f"127.0.0.1:{free_port()}"
    file.write_text(yaml.safe_dump(dict(settings)))
    command = [
        program("prometheus-alertmanager", package="prometheus-alertmanager"),
        f"--config.file={file}",
        f"--storage.path={folder / 'data'}",
        f"--web.listen-address={address}",
        "--cluster.listen-address=",
        "--log.level=warn",
    ]
    with _running(command, folder / "log", f"http://{address}/-/ready"):
        yield address
