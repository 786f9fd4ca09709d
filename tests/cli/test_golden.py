"""What the main commands print, as text files to be read, at 80 and 120 columns.

A real controller on a simulated host lives through a small story: two documents are deployed, one gets a release
that fails, one is changed by hand, one file is broken. What is printed then is in ``golden/COMMAND-WIDTH.txt``.
RECONCILER_REGENERATE=1 writes the files anew; read the difference before you commit it.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.cells import cell_len

from reconciler.controller.checkup import Finding
from reconciler.controller.service import Service
from tests.cli.recorded import run
from tests.controller.stage import Stage, quiet
from tests.simulator.behaviour import exits

GOLDEN = Path(__file__).parent / "golden"
IN_MEMORY = "/dev/shm"
RANDOM = "________"
HEALTH = {"healthCheck": {"test": ["CMD", "true"]}, "environment": {"GREETING": "hello", "DB_PASSWORD": "hunter2"}}
BROKEN = """\
apiVersion: stella/v1
kind: Container
metadata: {name: shop}
spec:
  release: {id: "1"}
  image: registry.example.com/shop/web
  digst: sha256:0000
  config:
    ports: 8080:80
"""
HOST = (
    Finding("ok", "identity", "none at /etc/reconciler/identity.txt; the first secret of a document needs one"),
    Finding(
        "error",
        "listen",
        "127.0.0.1:9464 cannot be had: address already in use",
        "choose another with --listen",
    ),
    Finding("warning", "disk of images", "0.4 GiB free at /var/lib/docker", "make room before a pull fails"),
)
COMMANDS = {
    "status": ("status",),
    "status-name": ("status", "web"),
    "plan": ("plan",),
    "plan-name": ("plan", "db"),
    "why": ("why", "web", "--limit", "12"),
    "history": ("history", "web"),
    "events": ("events", "--limit", "8"),
    "validate": ("validate", "broken.yaml"),
    "unknown": ("status", "wbe"),
    "usage": ("plan", "--ouput", "x"),
    "doctor": ("doctor",),
    "rollback": ("rollback", "web", "--dry-run"),
    "explain": ("explain", "spec.strategy"),
}


class Told:
    """The story, and what each command says at its end. ``planned``, ``applied``: said in it."""

    def __init__(self, folder: Path, width: int) -> None:
        self.stage = Stage(folder)
        self.width = width
        self._begin()
        self.planned = self.text("plan", "web")
        self.applied = self.text("apply")
        self.stage.clock.advance(90)
        self.stage.world.engine.by_hand.stop("db")
        self.stage.clock.advance(10)
        (folder / "broken.yaml").write_text(BROKEN)

    def _begin(self) -> None:
        stage = self.stage
        for name in ("db", "web"):
            stage.write(name, "v1", config=HEALTH)
            self.service().apply((name,), progress=quiet)
        stage.clock.advance(7200)
        said = ("listening on :8080", "panic: no database")
        stage.images["v2"] = stage.world.publish("shop/web", behaviour=exits(1, 0.5, logs=said))
        stage.write("web", "v2", config=HEALTH)

    def service(self) -> Service:
        """One document at a time: time passes for all of them alike."""
        return replace(self.stage.service(), workers=1)

    def text(self, *words: str) -> str:
        """Status, what was printed, what was said beside it, without colours; live lines are not text."""
        service: Any = self.service()
        ran = run(
            service,
            *words,
            folder=self.stage.folder,
            terminal=self.width,
            environment={"TERM": "dumb"},
            clock=self.stage.clock.time,
            look_at_host=lambda _settings, **_facts: HOST,
        )
        text = f"$ reconciler {' '.join(words)}\n{ran.out}--- standard error\n{ran.err}--- exit {ran.status}\n"
        return text.replace(self.stage.folder.name.removeprefix("golden-"), RANDOM)


@pytest.fixture(scope="module", params=[80, 120])
def told(request: pytest.FixtureRequest) -> Iterator[Told]:
    with (
        tempfile.TemporaryDirectory(prefix="golden-", dir=IN_MEMORY) as folder,
        pytest.MonkeyPatch.context() as at,
    ):
        at.chdir(folder)
        made = Told(Path(folder), request.param)
        yield made
        made.stage.history.close()


def golden(name: str, told: Told, text: str) -> None:
    file = GOLDEN / f"{name}-{told.width}.txt"
    if os.environ.get("RECONCILER_REGENERATE"):
        file.write_text(text)
    assert text == file.read_text()
    assert "hunter2" not in text
    assert not [line for line in text.splitlines() if too_wide(line, told.width)]


def too_wide(line: str, width: int) -> bool:
    """A word that is longer than the terminal is left to it, and a patch is for programs too."""
    return cell_len(line) > width and not line.startswith(("$ ", "+", "-")) and " " in line.strip()


def test_what_is_told_while_a_release_fails(told: Told) -> None:
    golden("apply", told, told.applied)


def test_the_plan_of_a_release(told: Told) -> None:
    golden("plan-release", told, told.planned)


@pytest.mark.parametrize("name", COMMANDS)
def test_what_is_printed(told: Told, name: str) -> None:
    golden(name, told, told.text(*COMMANDS[name]))
