"""The image that our Dockerfile makes, built by the engine of the tests from a base of this machine without a hub.

``tools/image-parts`` has made the base and fetched the wheels; an index on the loopback address serves them to the
build. What was built is kept in .work/image for as long as nothing that goes into it has changed, so that it is
built once in a run of all tests, whichever process comes first.
"""

from __future__ import annotations

import contextlib
import fcntl
import functools
import hashlib
import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tests.parts.engine import PrivateEngine
from tests.parts.host import PartFailed, program

ROOT = Path(__file__).parents[2]
PLACE = ROOT / ".work" / "image"
NAME = "reconciler:tests"
BASE = "reconciler-base:tests"
SOURCES = (
    "Dockerfile",
    ".dockerignore",
    "pyproject.toml",
    "requirements*.lock",
    "schemas/*",
    "reconciler/**/*.py",
)
BUILD_S = 600.0


def load_controller_image(engine: PrivateEngine) -> str:
    """The image's name on this engine, which has it then. Raises PartFailed."""
    if not (PLACE / "stamp").exists():
        raise PartFailed(f"there is no base in {PLACE}: run `tools/setup dev`")
    with (PLACE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        built = PLACE / f"built-{_stamp()}.tar"
        if built.exists():
            _docker(engine, "load", "--quiet", "--input", str(built))
            return NAME
        for old in PLACE.glob("built-*.tar"):
            old.unlink()
        _build(engine)
        draft = PLACE / "built.draft"
        _docker(engine, "save", "--output", str(draft), NAME)
        draft.rename(built)
    return NAME


def _build(engine: PrivateEngine) -> None:
    _docker(engine, "import", str(PLACE / "base.tar"), BASE)
    with _index() as address:
        arguments = {"BASE": BASE, "PIP_INDEX_URL": address, "EXTRAS": "notify", "VERSION": "tests"}
        given = [word for name, value in arguments.items() for word in ("--build-arg", f"{name}={value}")]
        _docker(engine, "build", "--network", "host", "--tag", NAME, *given, str(ROOT))


def _stamp() -> str:
    """Another one when anything of the image is."""
    found = hashlib.sha256((PLACE / "stamp").read_bytes())
    for pattern in SOURCES:
        for path in sorted(ROOT.glob(pattern)):
            found.update(f"{path.relative_to(ROOT)}\0".encode() + path.read_bytes() + b"\0")
    return found.hexdigest()[:16]


@contextlib.contextmanager
def _index() -> Iterator[str]:
    """A package index (PEP 503) of the wheels: a folder for each name, as its listing shows it."""
    shutil.rmtree(PLACE / "index", ignore_errors=True)
    names: dict[str, list[Path]] = {}
    for wheel in (PLACE / "wheels").glob("*.whl"):
        names.setdefault(wheel.name.partition("-")[0].replace("_", "-").lower(), []).append(wheel)
    for name, wheels in names.items():
        folder = PLACE / "index" / "simple" / name
        folder.mkdir(parents=True)
        for wheel in wheels:
            os.link(wheel, folder / wheel.name)

    class Handler(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            """Nobody reads it."""

    handler = functools.partial(Handler, directory=str(PLACE / "index"))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/simple/"
        finally:
            server.shutdown()


def _docker(engine: PrivateEngine, *words: str) -> None:
    """The docker command; of what it says only the end is told, where it fails. The classic builder is what every
    engine has.
    """
    environment = {"PATH": os.environ.get("PATH", ""), "DOCKER_HOST": engine.url, "DOCKER_BUILDKIT": "0"}
    done = subprocess.run(
        [engine.program.docker, *words],
        env=environment,
        capture_output=True,
        text=True,
        timeout=BUILD_S,
        check=False,
    )
    if done.returncode != 0:
        told = "\n".join((done.stdout + done.stderr).splitlines()[-15:])
        raise PartFailed(f"docker {words[0]} of the controller's image ends with {done.returncode}:\n{told}")


def compose_program() -> str:
    """Docker Compose of this machine."""
    return program("docker-compose", package="docker-compose")
