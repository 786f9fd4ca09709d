"""The example applications: locked, valid, created with the real Compose, and then without any drift of config."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import docker
import pytest

from reconciler.cli.folder import read_files, read_folder
from reconciler.compose.client import DockerCompose
from reconciler.core.compose.claims import find_project_claims
from reconciler.core.compose.drift import find_project_drift
from reconciler.core.deployment import compose_files, revision_files
from reconciler.core.desired import DesiredState
from reconciler.core.interfaces import ComposeProject
from reconciler.core.record import Record
from reconciler.core.situation import Situation
from reconciler.core.subject import subject
from reconciler.engine.client import DockerEngine
from reconciler.engine.observe import Observer
from reconciler.sticker_store import StickerStore
from tests.parts.engine import PrivateEngine
from tests.parts.images import publish
from tests.parts.registry import PrivateRegistry
from tests.parts.standard_images import PLAIN

APPLICATIONS = Path(__file__).parents[2] / "examples" / "applications"
NAMES = sorted(path.parent.name for path in APPLICATIONS.glob("*/compose.yaml"))
PROFILES = {"forge": ("ci", "calls"), "queue": ("debug",)}
IMAGE = re.compile(r"\$\{REGISTRY:-registry\.example\.com\}/([\w./-]+)(?::([\w.${}:-]+?))?(?=[\s\",@]|$)")
HOST_FOLDERS = ("/srv/media",)


def references(name: str) -> set[tuple[str, str]]:
    """Repository and tag of every image that an application's files name."""
    found: set[tuple[str, str]] = set()
    for file in (APPLICATIONS / name).rglob("*.yaml"):
        for repository, tag in IMAGE.findall(file.read_text()):
            default = re.search(r":-(.+)\}", tag)
            found.add((repository, default[1] if default else tag or "latest"))
    return found


@pytest.fixture
def published(request: pytest.FixtureRequest, registry: PrivateRegistry) -> Mapping[str, str]:
    """The application's images, all of one kind: they sleep. Its environment, with the registry and a digest."""
    digest = ""
    for repository, tag in references(request.getfixturevalue("name")):
        digest = publish(registry.address, repository, tag, PLAIN).digest
    return {"REGISTRY": registry.address, "VAULT_DIGEST": digest.removeprefix("sha256:")}


@pytest.fixture
def folder(name: str, tmp_path: Path) -> Path:
    """A folder of documents that has the application in a folder of its own; of the host only what is ours."""
    shutil.copytree(APPLICATIONS / name, tmp_path / "desired" / name)
    compose = tmp_path / "desired" / name / "compose.yaml"
    text = compose.read_text()
    for place in HOST_FOLDERS:
        text = text.replace(f"{place}:", f"{tmp_path}/host:").replace(f"{place},", f"{tmp_path}/host,")
    compose.write_text(text)
    (tmp_path / "host").mkdir()
    return tmp_path / "desired"


def reconciler(folder: Path, engine: PrivateEngine, *arguments: str, more: Mapping[str, str]) -> str:
    """Run the program in the folder of documents; its standard output."""
    done = subprocess.run(
        [sys.executable, "-m", "reconciler", *arguments],
        cwd=folder,
        env={
            **os.environ,
            **more,
            "PYTHONPATH": str(APPLICATIONS.parents[1]),
            "DOCKER_HOST": engine.url,
            "RECONCILER_STATE_DIR": str(folder.parent / "state"),
            "RECONCILER_DESIRED": str(folder),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def locked(name: str, folder: Path, engine: PrivateEngine, more: Mapping[str, str]) -> DesiredState:
    """Lock the application as an author does, and read the document that the program begins."""
    profiles = [word for profile in PROFILES.get(name, ()) for word in ("--profile", profile)]
    command = ("lock", f"{name}/compose.yaml", "--document", f"{name}.yaml", *profiles)
    (folder / f"{name}.yaml").write_text(
        reconciler(folder, engine, *command, more=more).replace(
            "projectName:", f"deploymentDirectory: {folder.parent}/deployment\n    projectName:"
        )
    )
    examined = read_folder(folder).examined()
    assert examined.problems == ()
    (desired,) = examined.documents
    return desired


@contextlib.contextmanager
def created(desired: DesiredState, engine: PrivateEngine) -> Iterator[ComposeProject]:
    """The containers of the project, made by Compose from a revision on disk, and taken down again."""
    project = desired.project
    assert project is not None
    place = Path(project.directory)
    for path, content in revision_files(
        project, fingerprint=desired.fingerprint, document=desired.name, owner="me"
    ).items():
        (place / path).parent.mkdir(parents=True, exist_ok=True)
        (place / path).write_bytes(content)
    compose = DockerCompose(engine.url)
    asked = ComposeProject(
        name=project.name, directory=project.directory, files=compose_files(project, desired.fingerprint)
    )
    compose.up(asked, recreate=(), progress=lambda _: None)
    try:
        yield asked
    finally:
        compose.down(asked, progress=lambda _: None)


def test_there_are_enough_applications() -> None:
    assert len(NAMES) >= 10


@pytest.mark.every_run(*NAMES[:2])
@pytest.mark.parametrize("name", NAMES)
def test_an_application_is_locked_created_and_then_as_it_should_be(
    name: str, folder: Path, published: Mapping[str, str], engine: PrivateEngine
) -> None:
    desired = locked(name, folder, engine, published)
    project = desired.project
    assert project is not None
    with contextlib.closing(docker.APIClient(base_url=engine.url, version="auto")) as sdk:
        for image in desired.images:
            sdk.pull(str(image))
    record = Record(document=desired.name, owner="me")
    with created(desired, engine), contextlib.closing(DockerEngine(engine.url, clock=time.time)) as client:
        observer = Observer(client, StickerStore(client), full_every_s=60, clock=time.monotonic)
        seen = observer.complete(observer.observe([subject(desired, record)]), [subject(desired, record)])
        claims = find_project_claims(project, seen, record)
        drift = find_project_drift(
            Situation(desired=desired, record=record, observation=seen, now=time.time()), claims
        )
    assert len(claims.members) == sum(service.replicas for service in project.services)
    assert [item for item in drift if item.path.startswith("services.") and item.kind != "stopped"] == []


@pytest.mark.parametrize("name", ["wiki"])
def test_locking_again_changes_nothing_and_the_check_agrees(
    name: str, folder: Path, published: Mapping[str, str], engine: PrivateEngine
) -> None:
    locked(name, folder, engine, published)
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    again = reconciler(folder, engine, "lock", "wiki/compose.yaml", "--document", "wiki.yaml", more=published)
    assert again.endswith("(as it was)\n")
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before
    checked = reconciler(folder, engine, "lock", "wiki/compose.yaml", "--check", more=published)
    assert checked == "3 tags as locked\n"
    assert read_files([folder / "wiki.yaml"]).examined().sound
