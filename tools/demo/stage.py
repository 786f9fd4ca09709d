"""The stage of the demo: engine, images, folder, ports; how things are done, checked and told there."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import re
import signal
import socket
import struct
import subprocess
import sys
import termios
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.parts.standard_images import StandardImages

COLOUR = sys.stdout.isatty() and "NO_COLOR" not in os.environ
WITHIN_S = 30.0
_REDRAWN = re.compile(r"\x1b\[\?25l.*\x1b\[2K", re.DOTALL)
"""Lines of progress that the terminal has drawn over and cleared."""

ROOT = Path(__file__).resolve().parents[2]


def paint(code: str, text: str) -> str:
    """Coloured on a terminal, plain elsewhere."""
    return f"\033[{code}m{text}\033[0m" if COLOUR else text


def free_port() -> int:
    """A port of the loopback address that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def fetch(url: str) -> str:
    """The page's text, or "" while nobody answers."""
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:  # noqa: S310  (our own loopback address)
            return str(answer.read().decode())
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return ""


def say(line: str) -> None:
    """Tell it now, not when a buffer is full."""
    print(line, flush=True)


def on_a_terminal(command: list[str], environment: dict[str, str], *, cwd: Path | None) -> tuple[int, str]:
    """Run a command on a pseudo-terminal as wide as what is left beside our margin; exit status and text."""
    ours, its = pty.openpty()
    fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 74, 0, 0))
    process = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=its, stderr=its, cwd=cwd)
    os.close(its)
    text = b""
    with contextlib.suppress(OSError):  # the other end is closed: the command has ended
        while chunk := os.read(ours, 65536):
            text += chunk
    os.close(ours)
    return process.wait(), text.decode().replace("\r\n", "\n")


@dataclass(slots=True)
class Story:
    """The stage: engine URL, images, folder, ports; and what has been told so far."""

    engine: str
    images: StandardImages
    folder: Path
    web_port: int = field(default_factory=free_port)
    shop_port: int = field(default_factory=free_port)
    metrics_port: int = field(default_factory=free_port)
    failures: list[str] = field(default_factory=list)
    began: float = field(default_factory=time.monotonic)

    @property
    def desired(self) -> Path:
        """The folder of documents."""
        return self.folder / "desired"

    @property
    def environment(self) -> dict[str, str]:
        """For every ``reconciler`` and ``docker`` command of the story."""
        return {
            **os.environ,
            **({} if COLOUR else {"NO_COLOR": "1"}),
            "PYTHONPATH": str(ROOT),
            "RECONCILER_ENGINE": self.engine,
            "DOCKER_HOST": self.engine,
            "RECONCILER_DESIRED": str(self.desired),
            "RECONCILER_STATE_DIR": str(self.folder / "state"),
            "RECONCILER_POLICY": str(policy(self.folder)),
            "RECONCILER_LISTEN": f"127.0.0.1:{self.metrics_port}",
            "RECONCILER_RESYNC": "5",
        }

    def page(self, port: int = 0, path: str = "") -> str:
        """What the web app on this port says now."""
        return fetch(f"http://127.0.0.1:{port or self.web_port}/{path}").strip()

    def metric(self, pattern: str) -> str:
        """The value of the first series whose line begins as ``pattern`` (a regular expression) says."""
        found = re.search(
            rf"^{pattern}.*? ([0-9.e+]+)$", fetch(f"http://127.0.0.1:{self.metrics_port}/metrics"), re.MULTILINE
        )
        return found.group(1) if found else ""

    def docker(self, *words: str) -> str:
        """The real docker command, by hand."""
        say(paint("36", f"    $ docker {' '.join(words)}"))
        return self.look(*words)

    def look(self, *words: str) -> str:
        """What a docker command prints, without a word about it."""
        done = subprocess.run(["docker", *words], env=self.environment, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    def reconciler(self, *words: str, cwd: Path | None = None) -> tuple[int, str]:
        """Our own command line on a terminal of its own, as a person would use it: exit status and text."""
        say(paint("36", f"    $ reconciler {' '.join(words)}"))
        command = [sys.executable, "-m", "reconciler", *words]
        status, text = on_a_terminal(command, self.environment, cwd=cwd)
        text = _REDRAWN.sub("", text)
        for line in text.rstrip().splitlines():
            say(f"      {line}")
        return status, re.sub(r"\x1b\[[0-9;]*m", "", text)

    def title(self, text: str) -> None:
        """Begin a chapter."""
        say(f"\n{paint('1', text)}  {paint('2', f'[{time.monotonic() - self.began:.0f} s]')}")

    def check(self, what: str, so: Callable[[], object], *, within_s: float = WITHIN_S) -> None:
        """Wait until it is so; tell how long it took, or remember that it did not come."""
        began = time.monotonic()
        while not so():
            if time.monotonic() - began > within_s:
                self.failures.append(what)
                say(paint("31", f"    FAILED after {within_s:.0f} s: {what}"))
                return
            time.sleep(0.1)
        say(paint("32", f"    ok  {what}") + paint("2", f"  ({time.monotonic() - began:.1f} s)"))

    def phase(self, name: str, word: str) -> None:
        """The metrics page says so of this document."""
        series = rf'reconciler_document_info\{{.*document="{name}".*phase="{word}"'
        self.check(f"metric: phase {word}", lambda: self.metric(series) == "1.0", within_s=60)


@contextlib.contextmanager
def controller(story: Story) -> Iterator[subprocess.Popen[bytes]]:
    """``reconciler run`` in the background, its log in a file; ended by SIGTERM as any service."""
    with (story.folder / "controller.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "reconciler", "run"], env=story.environment, stderr=log, stdout=log
        )
        try:
            yield process
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def policy(folder: Path) -> Path:
    """The policy of the demo's host: the sticker may lie in the demo's own folder."""
    path = folder / "policy.yaml"
    if not path.exists():
        path.write_text(f"version: 1\ndeploymentPaths: [{folder}]\n")
        path.chmod(0o600)
    return path
