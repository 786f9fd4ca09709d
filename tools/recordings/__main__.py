"""Pictures of the command line for the documentation: the real program, in a real terminal, on a real engine.

``python -m tools.recordings`` starts a private engine and a private registry, lives through a small story and
writes ``docs/images/terminal-*.svg``. Look at them before you commit them: times differ from run to run.
"""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tests.parts.engine import PrivateEngine
from tests.parts.images import Recipe, publish
from tests.parts.registry import PrivateRegistry
from tests.parts.standard_images import PLAIN, StandardImages, publish_standard_images
from tools.recordings.picture import picture
from tools.recordings.terminal import Terminal
from tools.shop import a_shop

ROOT: Final = Path(__file__).resolve().parents[2]
IMAGES: Final = ROOT / "docs" / "images"
COLUMNS: Final = 84
LARGE: Final = 120_000_000
"""Bytes of the image whose pull is to be seen."""

DOCUMENT: Final = """\
apiVersion: stella/v1
kind: Container
metadata: {{name: {name}}}
spec:
  release: {{id: "{release}"}}
  image: {repository}
  digest: {digest}
  config:
    memoryLimit: 64Mi
    healthCheck: {{timeout: 30s}}
  strategy: {{minHealthy: 4s}}
  sticker: {{path: {sticker}}}
"""
WRONG: Final = """\
apiVersion: stella/v1
kind: Container
metadata: {name: mail}
spec:
  release: {id: "3.1"}
  image: registry.example.com/shop/mail
  digest: sha256:2b1c4d5e6f708192a3b4c5d6e7f8091a2b3c4d5e6f708192a3b4c5d6e7f80912
  config:
    ports: 127.0.0.1:8025:25
    memoryLimt: 256Mi
"""


class Story:
    """The folder of one host, and how its documents are written."""

    def __init__(self, folder: Path, engine: PrivateEngine, images: StandardImages, address: str) -> None:
        self.folder = folder
        self.engine = engine
        self.images = images
        self.plain = publish(address, "worker", "7", PLAIN)
        blob = os.urandom(LARGE // 2).hex()
        self.large = publish(
            address, "search", "9", Recipe(config=PLAIN.config, files={**PLAIN.files, "data/index": blob})
        )
        (folder / "desired").mkdir()
        policy = folder / "policy.yaml"
        policy.write_text(f"version: 1\ndeploymentPaths: [{folder}]\n")
        policy.chmod(0o600)
        program = folder / "bin" / "reconciler"
        program.parent.mkdir()
        program.write_text(f'#!/bin/sh\nexec {sys.executable} -m reconciler "$@"\n')
        program.chmod(0o755)

    @property
    def environment(self) -> dict[str, str]:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("RECONCILER_")}
        return {
            **inherited,
            "PATH": f"{self.folder / 'bin'}:{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
            "DOCKER_HOST": self.engine.url,
            "RECONCILER_ENGINE": self.engine.url,
            "RECONCILER_STATE_DIR": str(self.folder / "state"),
            "RECONCILER_POLICY": str(self.folder / "policy.yaml"),
        }

    def write(self, name: str, release: str, image: str) -> None:
        """The document at a release of one of the images."""
        found = getattr(self, image, None) or getattr(self.images, image)
        text = DOCUMENT.format(
            name=name,
            release=release,
            repository=found.repository,
            digest=found.digest,
            sticker=self.folder / "stickers" / f"{name}.json",
        )
        if not image.startswith("web"):
            text = text.replace("    healthCheck: {timeout: 30s}\n", "")
        (self.folder / "desired" / f"{name}.yaml").write_text(text)


def tell(story: Story, terminal: Terminal) -> Iterator[tuple[str, str, str]]:
    """Name, title and screen of each picture, in the order in which things happen."""
    for name, release, image in (("web", "1.4.1", "web_v1"), ("worker", "7", "plain"), ("db", "16.4", "plain")):
        story.write(name, release, image)
    terminal.type("reconciler apply")
    terminal.ended()
    story.write("web", "1.4.2", "web_v2")
    terminal.type("reconciler plan web")
    yield "plan", "reconciler plan: what would be done, and why", terminal.ended()
    story.write("search", "9", "large")
    story.write("worker", "8", "plain")
    terminal.type("reconciler apply")
    seen = terminal.wait(lambda pane: bool(re.search(r"pulling search: [2-9][0-9] %.* MB", pane)))
    yield "apply", "reconciler apply: layers, bytes and health while it works", seen
    terminal.ended()
    story.write("web", "1.5.0", "web_v3")
    terminal.type("reconciler apply web")
    yield "rolled-back", "reconciler apply: a release that fails is put back", terminal.ended()
    terminal.type('reconciler suspend worker --reason "incident 42" --for 2h')
    terminal.ended()
    terminal.type("docker stop -t 1 db")
    terminal.ended()
    time.sleep(3)
    terminal.type("reconciler status")
    yield "status", "reconciler status: worst first", terminal.ended()
    terminal.type("reconciler status web")
    yield "status-web", "reconciler status web: all there is to know of one document", terminal.ended()
    (story.folder / "desired" / "mail.yaml").write_text(WRONG)
    terminal.type("reconciler validate")
    yield "validate", "reconciler validate: file, line, column, and what was meant", terminal.ended()
    (story.folder / "desired" / "mail.yaml").unlink()
    terminal.type("reconciler doctor")
    yield "doctor", "reconciler doctor: what is in the way, and how to mend it", terminal.ended()


@contextmanager
def stage() -> Iterator[Story]:
    """A host for the time of the block."""
    with (
        a_shop() as folder,
        PrivateEngine() as engine,
        PrivateRegistry() as registry,
    ):
        yield Story(folder, engine, publish_standard_images(registry.address), registry.address)


def main() -> int:
    """Write all pictures, if nothing else was asked for."""
    if sys.argv[1:]:
        print(__doc__)
        return 2
    with stage() as story:
        size = {"columns": COLUMNS, "lines": 45}
        with Terminal(**size, environment=story.environment, folder=story.folder) as terminal:
            for name, title, screen in tell(story, terminal):
                path = IMAGES / f"terminal-{name}.svg"
                path.write_text(picture(screen, title=title, columns=COLUMNS), encoding="utf-8")
                print(f"{path.relative_to(ROOT)}: {path.stat().st_size / 1000:.1f} kB", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
