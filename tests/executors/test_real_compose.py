"""The Actions on a project with the real Compose and a real engine."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import docker
import pytest

from reconciler.compose.client import DockerCompose
from reconciler.core import action as actions
from reconciler.core import names
from reconciler.core.action import Action, ContainerRef
from reconciler.core.container import ContainerConfig
from reconciler.core.deployment import compose_files
from reconciler.core.desired import DesiredState, ImageReference, Release
from reconciler.core.interfaces import ComposeProject, Engine
from reconciler.core.observation import Subject
from reconciler.core.outcome import Outcome
from reconciler.core.project import DIRECTORY_LABEL, PROJECT_LABEL, MountedFile, Project, Service, artifact
from reconciler.deployments import DeploymentStore
from reconciler.engine.client import DockerEngine
from reconciler.engine.observe import Observer
from reconciler.errors import (
    ComposeBusy,
    ComposeFailed,
    ComposeMissing,
    EngineRefused,
    ReconcilerError,
    Unhealthy,
    VerificationFailed,
)
from reconciler.executors.compose import ComposeExecutor
from reconciler.executors.docker import DockerExecutor
from reconciler.sticker_store import StickerStore
from tests.parts.images import PublishedImage, Recipe, publish
from tests.parts.registry import PrivateRegistry
from tests.parts.standard_images import StandardImages
from tests.simulator.clock import SimulatedClock
from tests.simulator.journal import MemoryJournal

STUBBORN = Recipe(
    config={"Cmd": ["/app/ignore"], "Env": ["PATH=/bin"]},
    files={"app/ignore": "#!/bin/sh\ntrap '' TERM\nwhile true; do sleep 1; done\n"},
)
SLOW_JOB = Recipe(
    config={"Cmd": ["/app/job"], "Env": ["PATH=/bin"]},
    files={"app/job": "#!/bin/sh\nsleep 1\necho migrated\n"},
)
FAILING_JOB = Recipe(
    config={"Cmd": ["/app/job"], "Env": ["PATH=/bin"]},
    files={"app/job": '#!/bin/sh\necho "no such table; password $DB_PASSWORD"\nexit 3\n'},
)


class Shop:
    """A project on a private engine; ``services`` is the lock file's model."""

    def __init__(self, engine: Engine, url: str, folder: Path, prefix: str) -> None:
        self.engine = engine
        self.url = url
        self.prefix = prefix
        self.directory = folder / "shop"
        self.lines: list[str] = []
        self.services: dict[str, dict[str, Any]] = {}
        self.completes: set[str] = set()
        self.content = b"listen 80\n"
        self.journal = MemoryJournal(clock=SimulatedClock())
        self.deployments = DeploymentStore()
        self.executor = self.with_compose(DockerCompose(url))
        self.docker = DockerExecutor(
            engine, self.journal, clock=time.monotonic, sleep=time.sleep, pull_deadline_s=60.0
        )

    def with_compose(self, compose: DockerCompose) -> ComposeExecutor:
        return ComposeExecutor(
            self.engine,
            self.journal,
            compose=compose,
            deployments=self.deployments,
            clock=time.monotonic,
            sleep=time.sleep,
        )

    def serve(self, name: str, image: PublishedImage, **keys: Any) -> None:
        """Have a service of this image in the lock file."""
        reference = ImageReference(image.repository, image.digest)
        self.engine.pull(reference, deadline_s=60.0, progress=self.lines.append)
        self.services[name] = {"image": image.reference, "stop_grace_period": "1s", **keys}

    @property
    def project(self) -> Project:
        lock = json.dumps({"name": self.prefix, "services": self.services, "configs": self.configs}).encode()
        return Project(
            name=self.prefix,
            directory=str(self.directory),
            lock=artifact("compose.stella.lock.yml", lock),
            services=tuple(self._service(name, model) for name, model in sorted(self.services.items())),
            files=(artifact("web.conf", self.content),),
            networks=(f"{self.prefix}_default",),
        )

    @property
    def configs(self) -> Mapping[str, Any]:
        return (
            {"conf": {"file": "./web.conf"}} if any("configs" in item for item in self.services.values()) else {}
        )

    def _service(self, name: str, model: Mapping[str, Any]) -> Service:
        repository, digest = model["image"].split("@")
        files = (MountedFile(artifact="web.conf", target="/web.conf", key="conf"),) if "configs" in model else ()
        return Service(
            name=name,
            image=ImageReference(repository, digest),
            config=ContainerConfig(),
            replicas=model.get("scale", 1),
            completes=name in self.completes,
            files=files,
        )

    @property
    def desired(self) -> DesiredState:
        return DesiredState(
            name="shop", release=Release("1", "Shop 1"), kind="ComposeProject", project=self.project
        )

    def do(self, kind: type[Action], **fields: Any) -> Outcome:
        action = kind(**{"document": "shop", "cause": "test", "desired": self.desired, **fields})
        return self.executor.perform(action, progress=self.lines.append)

    def must(self, kind: type[Action], **fields: Any) -> Outcome:
        outcome = self.do(kind, **fields)
        assert outcome.error is None, outcome.error
        return outcome

    def fails(self, error: type[ReconcilerError], kind: type[Action], **fields: Any) -> str:
        outcome = self.do(kind, **fields)
        assert type(outcome.error) is error, outcome
        return str(outcome.error)

    def up(self, **fields: Any) -> Outcome:
        self.must(actions.WriteRevision)
        self.must(actions.CheckProject)
        self.must(actions.ActivateRevision)
        return self.must(actions.ComposeUp, **fields)

    def deploy(self) -> None:
        self.up()
        for name in self.services:
            self.must(actions.StartService, service=name)

    def wait(self, timeout_ms: int = 30_000, min_healthy_ms: int = 500) -> Outcome:
        return self.do(actions.WaitProject, timeout_ms=timeout_ms, min_healthy_ms=min_healthy_ms)

    def ids(self) -> dict[str, str]:
        rows = self.engine.list_containers()
        return {row.name: row.id for row in rows if row.labels.get(PROJECT_LABEL) == self.prefix}


@pytest.fixture
def shop(engine_url: str, tmp_path: Path, prefix: str) -> Iterator[Shop]:
    engine = DockerEngine(engine_url, clock=time.time)
    yield Shop(engine, engine_url, tmp_path, prefix)
    engine.close()


@pytest.fixture
def trio(shop: Shop, images: StandardImages) -> Shop:
    """A web service with a file and a health check, a plain one in two copies, and a job."""
    shop.serve("web", images.web_v1, configs=[{"source": "conf", "target": "/web.conf"}])
    shop.serve("plain", images.plain, scale=2)
    shop.serve("job", images.job, restart="no")
    shop.completes.add("job")
    return shop


def test_a_project_is_created_started_found_healthy_verified_and_taken_down(
    trio: Shop, sdk: docker.APIClient
) -> None:
    trio.journal.begin(trio.desired, generation=1, kind="deploy", container_id="", cause="", actor="")
    outcome = trio.up()
    assert outcome.detail == "created job, plain, web"
    assert {row.status for row in trio.engine.list_containers() if row.id in trio.ids().values()} == {"created"}
    for name in trio.services:
        assert trio.must(actions.StartService, service=name).kind == "done"
    assert trio.wait().detail.startswith("all 3 services healthy after")
    trio.must(actions.VerifyProject, generation=1)
    noted = trio.journal.record("shop").operations[0].config_hashes
    assert sorted(noted) == ["job", "plain", "web"]
    assert all(len(found) == 64 for found in noted.values())
    web = sdk.inspect_container(trio.ids()[f"{trio.prefix}-web-1"])
    (mount,) = web["Mounts"]
    assert Path(mount["Source"]).read_bytes() == trio.content
    assert web["Config"]["Labels"][names.OWNER] == trio.journal.owner
    assert trio.must(actions.ComposeDown).kind == "done"
    assert trio.ids() == {}
    assert f"{trio.prefix}_default" not in trio.engine.list_networks()
    assert trio.must(actions.ComposeDown).kind == "already"
    assert trio.must(actions.RemoveDeployment).kind == "done"
    assert not trio.directory.exists()


def test_doing_it_all_again_changes_nothing(trio: Shop) -> None:
    trio.deploy()
    assert trio.wait().error is None
    before = trio.ids()
    for kind in (actions.WriteRevision, actions.ActivateRevision, actions.ComposeUp):
        assert trio.must(kind).kind == "already"
    for name in trio.services:
        assert trio.must(actions.StartService, service=name).kind == "already"
    assert trio.wait().error is None
    assert trio.ids() == before


def test_only_what_changed_is_recreated(trio: Shop, images: StandardImages) -> None:
    trio.deploy()
    before = trio.ids()
    trio.serve("web", images.web_v2, configs=trio.services["web"]["configs"])
    assert trio.up().detail == "recreated web"
    trio.content = b"listen 8080\n"
    assert trio.up().detail == "recreated web"
    after = trio.ids()
    assert {name for name in before if before[name] != after[name]} == {f"{trio.prefix}-web-1"}
    assert trio.must(actions.ComposeUp, recreate=("plain",)).detail == "recreated plain"
    del trio.services["plain"]
    assert trio.up().detail == "removed plain"


def test_a_container_that_was_removed_or_paused_by_hand_comes_back(trio: Shop, sdk: docker.APIClient) -> None:
    trio.deploy()
    sdk.remove_container(trio.ids()[f"{trio.prefix}-plain-2"], force=True)
    sdk.pause(trio.ids()[f"{trio.prefix}-web-1"])
    trio.must(actions.StartService, service="web")
    assert trio.must(actions.ComposeUp).detail == "created plain"
    assert trio.must(actions.StartService, service="plain").detail == f"{trio.prefix}-plain-2"
    assert trio.wait().error is None


def test_a_lock_file_that_changes_between_check_and_up_is_refused(trio: Shop) -> None:
    trio.must(actions.WriteRevision)
    trio.must(actions.CheckProject)
    lock, _ = compose_files(trio.project, trio.desired.fingerprint)
    Path(lock).write_bytes(trio.project.lock.content.replace(b"1s", b"2s"))
    assert "compose.stella.lock.yml" in trio.fails(VerificationFailed, actions.ComposeUp)
    assert trio.ids() == {}
    trio.must(actions.WriteRevision)
    assert trio.must(actions.ComposeUp).kind == "done"


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"spy": {"image": "spy@sha256:" + "0" * 64}}, "service spy is not in the lock file"),
        ({"web": {"build": ".", "image": "web"}}, "service web is built"),
        ({"web": {"image": "evil.example.com/web@sha256:" + "0" * 64}}, "service web has image evil.example.com"),
    ],
)
def test_a_lock_file_that_says_other_than_the_verified_services_is_refused(
    trio: Shop, change: dict[str, Any], told: str
) -> None:
    desired = trio.desired
    assert desired.project is not None
    lock = json.dumps({"services": {**trio.services, **change}, "configs": trio.configs}).encode()
    forged = replace(desired.project, lock=artifact("compose.stella.lock.yml", lock))
    trio.must(actions.WriteRevision, desired=replace(desired, project=forged))
    assert told in trio.fails(VerificationFailed, actions.CheckProject, desired=replace(desired, project=forged))


def test_env_files_override_files_and_variables_have_no_effect(
    trio: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COMPOSE_FILE", "/nowhere.yml")
    monkeypatch.setenv("COMPOSE_PROJECT_NAME", "other")
    monkeypatch.setenv("COMPOSE_PROFILES", "other")
    trio.executor = trio.with_compose(DockerCompose(trio.url))
    trio.must(actions.WriteRevision)
    (trio.directory / ".env").write_text("COMPOSE_PROJECT_NAME=other\n")
    for name in ("compose.override.yaml", "docker-compose.yml"):
        (trio.directory / name).write_text('services: {spy: {image: "spy"}}\n')
    trio.deploy()
    assert set(trio.ids()) == {f"{trio.prefix}-{name}" for name in ("web-1", "plain-1", "plain-2", "job-1")}
    trio.must(actions.ComposeDown)


@pytest.mark.parametrize("kind", [actions.ComposeUp, actions.ComposeDown, actions.CheckProject])
def test_a_strangers_project_of_the_same_name_is_not_touched(
    trio: Shop, kind: type[Action], sdk: docker.APIClient, tmp_path: Path
) -> None:
    theirs = tmp_path / "elsewhere" / "shop"
    theirs.mkdir(parents=True)
    (theirs / "compose.yml").write_text(json.dumps({"services": {"db": trio.services["plain"]}}))
    subprocess.run(
        ["docker-compose", "-p", trio.prefix, "up", "-d"],
        cwd=theirs,
        env={**os.environ, "DOCKER_HOST": trio.url},
        check=True,
        capture_output=True,
    )
    before = trio.ids()
    trio.must(actions.WriteRevision)
    assert f"{trio.prefix}-db-1" in trio.fails(EngineRefused, kind)
    assert trio.ids() == before
    assert all(sdk.inspect_container(found)["State"]["Running"] for found in before.values())
    assert sdk.inspect_container(next(iter(before.values())))["Config"]["Labels"][DIRECTORY_LABEL] == str(theirs)


def test_a_service_that_exits_at_once_fails_the_project_with_its_log_and_without_its_secrets(
    trio: Shop, registry: PrivateRegistry
) -> None:
    image = publish(registry.address, "failing", "v1", FAILING_JOB)
    trio.serve("worker", image, environment={"DB_PASSWORD": "hunter2"})
    trio.deploy()
    error = trio.wait().error
    assert isinstance(error, Unhealthy)
    assert error.message.startswith(f"service worker ({trio.prefix}-worker-1) is not healthy: it ended")
    assert error.message.endswith("no such table; password ***")
    assert error.reason == "exited"


def test_a_service_that_never_gets_healthy_fails_the_project_at_the_timeout(
    trio: Shop, images: StandardImages
) -> None:
    trio.serve("web", images.web_v3)
    trio.deploy()
    error = trio.wait(timeout_ms=3_000).error
    assert isinstance(error, Unhealthy)
    assert error.message.startswith("service web ")
    assert error.reason in {"timeout", "unhealthy"}
    assert "last health check" in error.message


def test_a_service_that_cannot_be_started_is_told(trio: Shop, images: StandardImages) -> None:
    trio.serve("plain", images.plain, command=["/no/such/program"])
    trio.up()
    outcome = trio.do(actions.StartService, service="plain")
    assert isinstance(outcome.error, EngineRefused)
    assert "/no/such/program" in str(outcome.error)


def test_a_needed_service_and_a_needed_job_are_waited_for(shop: Shop, registry: PrivateRegistry) -> None:
    shop.serve("job", publish(registry.address, "slowjob", "v1", SLOW_JOB), restart="no")
    shop.completes.add("job")
    shop.serve("bad", publish(registry.address, "failing", "v1", FAILING_JOB), restart="no")
    shop.completes.add("bad")
    shop.deploy()
    options: dict[str, Any] = {"condition": "completed", "timeout_ms": 20_000}
    outcome = shop.must(actions.WaitService, service="job", **options)
    assert outcome.detail.startswith("ended with 0 after")
    assert "exit code 3" in shop.fails(Unhealthy, actions.WaitService, service="bad", **options)


def test_actions_on_single_containers_work_for_those_of_a_project(trio: Shop) -> None:
    trio.deploy()
    name = f"{trio.prefix}-plain-1"
    ref = ContainerRef(name, trio.ids()[name])
    who: dict[str, Any] = {"document": "shop", "cause": "test", "container": ref}
    for action in (
        actions.UpdateLimits(**who, memory_bytes=64 << 20, memory_swap_bytes=128 << 20),
        actions.RenameContainer(**who, to=f"{trio.prefix}-plain-x"),
        actions.StopContainer(**who),
        actions.RemoveContainer(**who),
    ):
        outcome = trio.docker.perform(action, progress=trio.lines.append)
        assert outcome.kind == "done", outcome.error


def test_a_quiet_look_at_a_project_is_one_list_and_no_hash(trio: Shop) -> None:
    trio.deploy()
    project, mark = trio.project, trio.desired.fingerprint
    paths = tuple(str(Path(path).relative_to(trio.directory)) for path in compose_files(project, mark))
    subject = Subject(
        name="shop",
        container_names=(),
        images=trio.desired.images,
        sticker=trio.desired.sticker,
        projects=frozenset({project.name}),
        directory=project.directory,
        files=paths,
    )
    observer = Observer(
        trio.engine,
        StickerStore(trio.engine),
        full_every_s=300,
        clock=time.monotonic,
        deployments=trio.deployments,
    )
    seen = observer.observe([subject])
    assert set(trio.ids().values()) <= set(seen.details)
    assert seen.deployments["shop"].active == mark
    assert set(seen.deployments["shop"].digests) == set(paths)


# Compose that fails.


def test_without_compose_nothing_is_touched(trio: Shop) -> None:
    trio.executor = trio.with_compose(DockerCompose(trio.url, executable="/nowhere/docker-compose"))
    trio.must(actions.WriteRevision)
    for kind in (actions.CheckProject, actions.ComposeUp):
        trio.fails(ComposeMissing, kind)
    assert trio.ids() == {}


def test_what_the_engine_refuses_to_create_is_told(trio: Shop, images: StandardImages) -> None:
    source = "/nowhere-on-this-host"
    volume = {"type": "bind", "source": source, "target": "/x", "bind": {"create_host_path": False}}
    trio.serve("plain", images.plain, volumes=[volume])
    trio.must(actions.WriteRevision)
    assert source in trio.fails(ComposeFailed, actions.ComposeUp)


def test_a_compose_that_is_killed_is_busy_and_what_it_left_is_mended_by_the_next_up(
    shop: Shop, registry: PrivateRegistry
) -> None:
    image = publish(registry.address, "stubborn", "v1", STUBBORN)
    shop.serve("slow", image, stop_grace_period="5s")
    shop.deploy()
    shop.services["slow"]["environment"] = {"CHANGED": "yes"}
    shop.must(actions.WriteRevision)
    killer = threading.Thread(target=kill_when, args=(shop.directory, lambda: len(shop.ids()) == 2))
    killer.start()
    shop.fails(ComposeBusy, actions.ComposeUp)
    killer.join()
    rows = [row for row in shop.engine.list_containers() if row.labels.get(PROJECT_LABEL) == shop.prefix]
    (left,) = [row for row in rows if row.status == "created"]
    remove = actions.RemoveContainer(document="shop", cause="test", container=ContainerRef(left.name, left.id))
    assert shop.docker.perform(remove, progress=shop.lines.append).kind == "done"
    assert shop.must(actions.ComposeUp).detail == "recreated slow"
    shop.must(actions.StartService, service="slow")
    assert shop.wait().error is None


def kill_when(directory: Path, due: Callable[[], bool]) -> None:
    """SIGKILL the Compose that works in a directory, once it is due."""
    deadline = time.monotonic() + 20
    while not due() and time.monotonic() < deadline:
        time.sleep(0.02)
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                line = (entry / "cmdline").read_bytes()
            except OSError:
                continue
            if b"docker-compose" in line and str(directory).encode() in line:
                os.kill(int(entry.name), signal.SIGKILL)


def test_a_config_is_read_without_an_engine(trio: Shop) -> None:
    trio.must(actions.WriteRevision)
    nowhere = DockerCompose("unix:///nowhere.sock")
    project = ComposeProject(
        name=trio.prefix,
        directory=str(trio.directory),
        files=compose_files(trio.project, trio.desired.fingerprint),
    )
    assert sorted(nowhere.config(project)["services"]) == ["job", "plain", "web"]
