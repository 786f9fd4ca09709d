"""A shell to try everything in: an engine, a registry with three releases of a web app, a folder of documents.

All of it is private and gone when the shell ends; what the machine has of its own is neither used nor touched. The
tutorial is written for this shell, and a test takes the same one through it.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from reconciler.config.settings import BY_NAME
from tests.parts.engine import PrivateEngine
from tests.parts.ports import free_port
from tests.parts.registry import PrivateRegistry
from tests.parts.standard_images import publish_standard_images

CHECKOUT = Path(__file__).resolve().parents[1]
IN_MEMORY = Path("/dev/shm")  # noqa: S108  (where opened secrets may lie)
ADDRESSES = ("PROMETHEUS", "FLEET", "JOIN", "FLEET_PAGE")
"""Variables with a free address each: of a Prometheus; of an orchestrator for members, enrolment and its page."""

DEFAULTS = """\
# Values for every document of this folder. Here: version stickers lie in the playground, not in /var/stella.
apiVersion: stella/v1
kind: Defaults
spec:
  sticker: {{path: {folder}/stickers/}}
"""
SHELL = r"""
PS1='\[\e[36m\]playground\[\e[0m\] $ '
eval "$(reconciler completion bash)"
"""
WELCOME = """\
A playground: engine, registry and folder are yours alone, and gone when you leave (exit).
Images: $REGISTRY/web:v1, :v2, and :v3, which never becomes healthy.
The story to follow: docs/tutorial.md
Then in docs/how-to: roll-back.md, pause.md, drift.md, compose.md, secrets.md, monitor.md, first-fleet.md
"""


@dataclass(frozen=True, slots=True)
class Playground:
    """Where it lies, and what programs in it have in their environment."""

    folder: Path
    environment: dict[str, str]


@contextlib.contextmanager
def laid_out(folder: Path, *, engine: str, registry: str) -> Iterator[Playground]:
    """Write what a playground begins with. The images are there already. What lies in memory is removed again."""
    with tempfile.TemporaryDirectory(prefix="playground-", dir=IN_MEMORY) as secrets:
        yield Playground(folder, _environment(folder, engine, registry, secrets=secrets))


def _environment(folder: Path, engine: str, registry: str, *, secrets: str) -> dict[str, str]:
    """Every setting that would lead out of the playground leads into it."""
    (folder / "desired").mkdir()
    (folder / "desired" / "defaults.yaml").write_text(DEFAULTS.format(folder=folder))
    files = {
        "policy": _file(folder / "policy.yaml", f"version: 1\ndeploymentPaths: [{folder}]\n"),
        "agent-policy": _file(folder / "agent.yaml", "version: 1\n"),
        "notify": _file(folder / "notify.yaml", "version: 1\nchannels: []\n"),
        "registry-credentials": _file(folder / "registries.age", ""),  # an empty one holds no logins
    }
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("RECONCILER_")}
    return {
        **inherited,
        "PATH": f"{Path(sys.executable).parent}:{os.environ.get('PATH', os.defpath)}",
        "DOCKER_HOST": engine,
        "REGISTRY": registry,
        "PORT": str(free_port()),
        **{name: f"127.0.0.1:{free_port()}" for name in ADDRESSES},
        "CHECKOUT": str(CHECKOUT),
        "RECONCILER_LISTEN": f"127.0.0.1:{free_port()}",
        "RECONCILER_STATE_DIR": str(folder / "state"),
        "RECONCILER_SECRETS_DIR": secrets,
        "RECONCILER_IDENTITY": str(folder / "identity.txt"),
        **{BY_NAME[name].variable: str(path) for name, path in files.items()},
    }


def _file(path: Path, text: str) -> Path:
    """A file that nobody else may write, as the program wants those that it heeds."""
    path.touch(mode=0o600)
    path.write_text(text)
    return path


@contextlib.contextmanager
def opened() -> Iterator[Playground]:
    """Start all of it, and remove all of it."""
    folder = Path(tempfile.mkdtemp(prefix="playground-"))
    try:
        with PrivateEngine() as engine, PrivateRegistry() as registry:
            publish_standard_images(registry.address)
            with laid_out(folder, engine=engine.url, registry=registry.address) as playground:
                yield playground
    finally:
        shutil.rmtree(folder)


def main() -> int:
    """Open a shell in a playground, and end with it; what it left running in the background ends too."""
    with opened() as playground:
        sys.stdout.write(WELCOME)
        sys.stdout.flush()
        settings = playground.folder / "bashrc"
        settings.write_text(SHELL)
        command = ["bash", "--rcfile", str(settings), "-i"]
        shell = subprocess.Popen(command, cwd=playground.folder, env=playground.environment)
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for what runs in the shell
        return shell.wait()


if __name__ == "__main__":
    sys.exit(main())
