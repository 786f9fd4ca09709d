"""The stage of a Compose project: an author's folder, its lock file, its document, and the program.

Works as an author does: writes ``compose.yaml`` and the files beside it, runs ``reconciler lock``, and leaves the
rest to the program. What must hold afterwards is the oracle's affair.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import docker.errors
import yaml
from click.testing import CliRunner

from reconciler.cli.failures import guarded
from reconciler.cli.invocation import Invocation
from reconciler.cli.root import cli
from reconciler.config import load_settings
from reconciler.controller.app import open_service
from tests.e2e.compose.shop import MOTD, RUNS, Catalogue, Model, shop
from tests.e2e.documents import as_yaml, document, merged
from tests.e2e.stage import COMMAND_S, Said, Stage, fetch, unheard
from tests.parts.host import program

LOCK = "compose.stella.lock.yml"
PROJECT = "com.docker.compose.project"
SERVICE = "com.docker.compose.service"
GREETING = "welcome\n"


@dataclass(frozen=True, kw_only=True)
class Saved:
    """The desired folder at one moment."""

    model: Model
    release: str
    content: Mapping[Path, bytes]


@dataclass(kw_only=True)
class ProjectStage:
    """``word`` is the last part of the document's and the project's name, ``place`` a folder inside the desired
    folder (and inside that of deployments) for projects that are to have the same base name.
    """

    stage: Stage
    images: Catalogue
    word: str = "shop"
    place: str = ""
    files: dict[str, str] = field(default_factory=lambda: {MOTD: GREETING})
    model: Model = field(default_factory=dict)
    release: str = ""

    @property
    def name(self) -> str:
        """Of the document and of the project."""
        return f"{self.stage.prefix}-{'-'.join(filter(None, (self.place, self.word)))}"

    @property
    def author(self) -> Path:
        """The author's folder."""
        return self.stage.desired / self.place / self.word

    @property
    def document_file(self) -> Path:
        return self.author.parent / f"{self.word}.yaml"

    @property
    def lock_file(self) -> Path:
        return self.author / LOCK

    @property
    def directory(self) -> Path:
        """The deployment directory."""
        return self.stage.folder / "deployments" / self.place / self.word

    def shop(self) -> Model:
        """The shop in its first release, on this stage's port."""
        return shop(self.images, port=self.stage.port, secret=self.stage.canary)

    def write(self, model: Model, release: str, /, **spec: Any) -> None:
        """Have the author's folder say this, locked, and the document beside it."""
        self.author.mkdir(parents=True, exist_ok=True)
        for name, text in self.files.items():
            (self.author / name).write_text(text)
        (self.author / "compose.yaml").write_text(yaml.safe_dump(model, sort_keys=False))
        self.model, self.release = model, release
        self.lock()
        self.write_document(**spec)

    def saved(self) -> Saved:
        """All files of the desired folder, as version control keeps them, and the model they come from."""
        paths = [path for path in self.stage.desired.rglob("*") if path.is_file()]
        return Saved(model=self.model, release=self.release, content={path: path.read_bytes() for path in paths})

    def restore(self, saved: Saved) -> None:
        """Check out what was saved: exactly these files, each replaced in one step."""
        for path in self.stage.desired.rglob("*"):
            if path.is_file() and path not in saved.content:
                path.unlink()
        for path, content in saved.content.items():
            draft = self.stage.folder / "checkout.draft"
            draft.write_bytes(content)
            draft.replace(path)
        self.model, self.release = saved.model, saved.release

    def write_bystander(self, number: int = 0) -> None:
        """Another document in the folder: an empty folder removes nothing."""
        name = f"{self.stage.prefix}-bystander{number}"
        other = document(name, self.images["plain"], "b1", sticker={"path": str(self.stage.sticker(name))})
        self.stage.write(other, file=f"bystander{number}.yaml")

    def lock(self) -> None:
        """``reconciler lock``."""
        status, said = self.here("lock", str(self.author / "compose.yaml"), "-o", str(self.lock_file))
        assert status == 0, said

    def write_document(self, **spec: Any) -> None:
        """The document for the lock file and the files as they are now. ``spec`` is laid over it."""
        wish = {
            "apiVersion": "stella/v1",
            "kind": "ComposeProject",
            "metadata": {"name": self.name},
            "spec": merged(self._spec(), spec),
        }
        draft = self.stage.folder / f"{self.name}.draft"
        draft.write_text(as_yaml(wish))
        draft.replace(self.document_file)

    def _spec(self) -> dict[str, Any]:
        locked = yaml.safe_load(self.lock_file.read_text())
        files = [path for name in self.files if (path := self.author / name).exists()]
        return {
            "release": {"id": self.release, "name": f"{self.word} {self.release}"},
            "config": {
                "projectName": self.name,
                "deploymentDirectory": str(self.directory),
                "composeLock": self._reference(self.lock_file),
                "configFiles": [{"name": path.name, **self._reference(path)} for path in files],
                "expectedDigests": {
                    name: service["image"].partition("@")[2] for name, service in locked["services"].items()
                },
                "healthCheck": {"timeout": "20s"},
            },
            "strategy": {"minHealthy": "200ms"},
            "sticker": {"path": str(self.stage.sticker(self.name))},
            "deletionPolicy": "delete",
        }

    def _reference(self, path: Path) -> dict[str, Any]:
        content = path.read_bytes()
        return {
            "source": str(path.relative_to(self.document_file.parent)),
            "sha256": hashlib.sha256(content).hexdigest(),
            "size": len(content),
        }

    def deploy(self, model: Model, release: str, /, **spec: Any) -> None:
        """Write and apply it, in this process: half as long as the command, for tests that begin after it."""
        self.write(model, release, **spec)
        self.apply_here()

    def apply_here(self, *, outcome: str = "converged") -> None:
        """Apply in this process."""
        settings = load_settings(
            {}, environment=self.stage.environment(), folder=self.stage.folder, file=None, root=True
        )
        with open_service(settings, exclusive=True) as service:
            (applied,) = service.apply((self.name,), progress=unheard)
        assert applied.outcome == outcome, f"{applied.outcome}: {applied.error}\n{applied.outcomes}"

    def apply(self, *words: str, expect: int = 0, **variables: str) -> Said:
        """``reconciler apply`` for this document alone."""
        return self.stage.apply(self.name, *words, expect=expect, **variables)

    def here(self, *words: str, engine: str = "") -> tuple[int, str]:
        """Exit status and all that our command line says, run in this process."""
        invocation = Invocation(environment=self.stage.environment(engine), folder=self.stage.folder)
        with CliRunner().isolation() as (out, err, _):
            status = guarded(
                lambda: cli.main(list(words), prog_name="reconciler", obj=invocation, standalone_mode=False),
                invocation,
            )
            said = out.getvalue().decode() + err.getvalue().decode()
        self.stage.said.append(said)
        return status, said

    def told(self, command: str) -> dict[str, Any]:
        """This document in ``plan --json`` or ``status --json``."""
        status, said = self.here(command, self.name, "--json")
        assert status in {0, 2}, said
        (told,) = json.loads(said)["documents"]
        found: dict[str, Any] = told
        return found

    def drift(self, command: str = "plan") -> set[tuple[str, str]]:
        """Kind and path of every difference that is shown."""
        return {(item["kind"], item["path"]) for item in self.told(command)["drift"]}

    def history(self) -> list[dict[str, Any]]:
        """The generations of ``history --json``, oldest first."""
        status, said = self.here("history", self.name, "--json")
        assert status == 0, said
        found: list[dict[str, Any]] = json.loads(said)["generations"]
        return found

    def containers(self) -> dict[str, dict[str, Any]]:
        """Inspect of all containers of the project by name, whoever made them."""
        rows = self.stage.sdk.containers(all=True, filters={"label": f"{PROJECT}={self.name}"})
        found = {}
        for row in rows:
            with contextlib.suppress(docker.errors.NotFound):  # removed since it was listed
                told = self.stage.sdk.inspect_container(row["Id"])
                found[told["Name"].removeprefix("/")] = told
        return found

    def container(self, service: str, number: int = 1) -> str:
        """Name of a service's container."""
        return f"{self.name}-{service}-{number}"

    def identities(self, *services: str) -> dict[str, tuple[str, str]]:
        """Id and last start by service: equal before and after means it was not touched."""
        return {service: self.stage.identity(self.container(service)) for service in services}

    def runs(self) -> int:
        """How often the job has run."""
        volume = Path(self.stage.sdk.inspect_volume(f"{self.name}_data")["Mountpoint"])
        file = volume / RUNS
        return len(file.read_text().splitlines()) if file.exists() else 0

    def page(self, path: str = "") -> str:
        """What the web app says."""
        return fetch(f"http://127.0.0.1:{self.stage.port}/{path}").strip()

    def compose(self, *words: str, files: Mapping[str, str] | None = None, cwd: Path) -> Said:
        """``docker compose`` by hand, in a folder of its own that first gets ``files``."""
        cwd.mkdir(parents=True, exist_ok=True)
        for name, text in (files or {}).items():
            (cwd / name).write_text(text)
        done = subprocess.run(
            [program("docker-compose", package="docker-compose"), "--ansi", "never", *words],
            env=self.stage.environment(),
            cwd=cwd,
            capture_output=True,
            text=True,
            timeout=COMMAND_S,
            check=False,
        )
        assert done.returncode == 0, f"compose {' '.join(words)}: {done.stderr}"
        return done

    def active(self) -> Path:
        """The folder of the revision that is active on the host."""
        return (self.directory / "current").resolve(strict=True)

    def is_temporary(self, name: str) -> bool:
        """Whether Compose gave a container this name for the time of a replacement."""
        return re.match(rf"[0-9a-f]{{8,}}_{re.escape(self.name)}-", name) is not None
