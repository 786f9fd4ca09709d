"""The stage of the demo: engine, images, folder, ports; how things are done, checked and told there."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.parts.standard_images import StandardImages
from tools.demo.teller import COLOUR, ROOT, Teller, fetch, paint, say


def free_port() -> int:
    """A port of the loopback address that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass(slots=True, kw_only=True)
class Story(Teller):
    """The stage: engine URL, images, folder, ports; and what has been told so far."""

    engine: str
    images: StandardImages
    folder: Path
    web_port: int = field(default_factory=free_port)
    shop_port: int = field(default_factory=free_port)
    metrics_port: int = field(default_factory=free_port)

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
        """Our own command line: exit status and text."""
        return self.command(words, self.environment, cwd=cwd)

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
