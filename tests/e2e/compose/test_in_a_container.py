"""The controller as its image, run by the example's Compose file: closed, at work, stopped, replaced, spared."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.compose.project_oracle import ProjectOracle
from tests.e2e.compose.project_stage import ProjectStage
from tests.e2e.documents import document
from tests.e2e.stage import Controller, Stage, eventually
from tests.parts.controller_image import compose_program, load_controller_image
from tests.parts.engine import PrivateEngine
from tests.parts.host import wait_until

EXAMPLE = Path(__file__).parents[3] / "examples" / "09-container" / "compose.yaml"
USER = 10001
START_S = 60.0
GRACE_S = 10.0

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="session")
def image(engine: PrivateEngine) -> str:
    return load_controller_image(engine)


@dataclass(frozen=True, kw_only=True)
class Contained:
    """The controller's container on a stage."""

    stage: Stage
    image: str

    @property
    def name(self) -> str:
        return f"{self.stage.prefix}-controller"

    @property
    def settings(self) -> Path:
        return self.stage.folder / "settings"

    def prepare(self) -> None:
        """What the example's README has an operator do."""
        stage = self.stage
        stage.folder.chmod(0o755)
        for name in ("settings", "stickers", "deployments", "state"):
            (stage.folder / name).mkdir(mode=0o700 if name == "state" else 0o755, exist_ok=True)
        (self.settings / "policy.yaml").write_bytes(stage.policy.read_bytes())
        (self.settings / "identity.txt").touch(mode=0o600)
        (self.settings / "identity.txt").write_bytes(stage.identity_file.read_bytes())
        own = (stage.folder / name for name in ("stickers", "deployments", "state"))
        for path in (*own, stage.secrets, self.settings / "identity.txt"):
            os.chown(path, USER, USER)

    def compose(self, *words: str) -> None:
        """Docker Compose on the example's file."""
        stage = self.stage
        environment: Mapping[str, str] = {
            "PATH": os.environ["PATH"],
            "DOCKER_HOST": stage.engine.url,
            "DOCKER_GID": str(stage.engine.socket.stat().st_gid),
            "IMAGE": self.image,
            "NAME": self.name,
            "PORT": str(stage.metrics_port),
            "SOCKET": str(stage.engine.socket),
            "DESIRED": str(stage.desired),
            "SETTINGS": str(self.settings),
            "STATE": str(stage.state),
            "SECRETS": str(stage.secrets),
            "STELLA": str(stage.folder),
        }
        command = [compose_program(), "--file", str(EXAMPLE), "--project-name", self.name, *words]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, done.stderr

    def up(self) -> None:
        for path in (self.stage.state, *self.stage.state.rglob("*")):  # who looked before was root
            os.chown(path, USER, USER)
        self.compose("up", "--detach")

    def down(self) -> None:
        """Nothing of it is left, but what it said."""
        self.stage.said.append(self.log())
        self.compose("down", "--timeout", "15")

    def look(self) -> Any:
        return self.stage.inspect(self.name)

    def says(self, *words: str) -> str:
        """What a command in the container says."""
        return self.stage.docker("exec", self.name, *words)

    def settles(self, document: str) -> None:
        """Wait until the document is converged; what was said is shown where it is not."""
        done = wait_until(lambda: self.pages.phase(document) == "Converged", seconds=START_S)
        assert done, f"{document} is {self.pages.phase(document)!r}:\n{self.log()}"

    def log(self) -> str:
        command = [self.stage.engine.program.docker, "logs", self.name]
        environment = {"PATH": os.environ["PATH"], "DOCKER_HOST": self.stage.engine.url}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=30, check=False)
        return done.stdout + done.stderr

    @property
    def pages(self) -> Controller:
        """What it serves, as of any controller."""
        return Controller(process=None, log=Path(os.devnull), address=f"127.0.0.1:{self.stage.metrics_port}")  # type: ignore[arg-type]


@pytest.fixture
def contained(stage: Stage, image: str) -> Iterator[Contained]:
    made = Contained(stage=stage, image=image)
    made.prepare()
    yield made
    made.down()


def test_it_deploys_is_stopped_in_order_and_goes_on_in_another_container(
    project: ProjectStage, oracle: ProjectOracle, contained: Contained
) -> None:
    stage = project.stage
    config = {
        "files": [{"path": "/etc/motd", "content": "hello\n"}],
        "secrets": [{"name": "key", "encrypted": stage.sealed("a secret in a file")}],
    }
    stage.write(stage.web("v1", config=config | {"ports": []}))
    project.write(project.shop(), "r1")
    contained.up()
    for name in (stage.name, project.name):
        contained.settles(name)
    assert project.page() == "web v1"
    assert stage.docker("exec", stage.name, "cat", "/etc/motd", "/run/secrets/key").split("\n") == [
        "hello",
        "a secret in a file",
    ]
    eventually("it is healthy", lambda: contained.look()["State"]["Health"]["Status"] == "healthy")
    closed(contained)
    before = [stage.identity(), *map(stage.identity, project.containers())]
    stopped(contained)
    contained.compose("up", "--detach", "--force-recreate")
    eventually("it is ready again", lambda: contained.pages.page("readyz"), within_s=START_S)
    for name in (stage.name, project.name):
        contained.settles(name)
    assert [stage.identity(), *map(stage.identity, project.containers())] == before
    stopped(contained)
    contained.down()
    oracle.holds(runs=1)


def closed(contained: Contained) -> None:
    """It can write nowhere but where it has to, and is nobody."""
    told = contained.look()
    assert told["HostConfig"]["ReadonlyRootfs"]
    assert told["HostConfig"]["CapDrop"] == ["ALL"]
    assert told["HostConfig"]["SecurityOpt"] == ["no-new-privileges:true"]
    status = dict(line.split(":\t") for line in contained.says("cat", "/proc/1/status").splitlines())
    assert status["Uid"].split() == [str(USER)] * 4
    assert (status["CapEff"], status["CapBnd"], status["NoNewPrivs"]) == ("0" * 16, "0" * 16, "1")
    written = contained.says(
        "sh", "-c", "for f in / /etc /opt /var /usr; do touch $f/x 2>/dev/null && echo $f; done; :"
    )
    assert written == ""
    labels = told["Config"]["Labels"]
    assert labels["org.opencontainers.image.title"] == "reconciler"
    assert labels["org.opencontainers.image.version"] == "tests"


def stopped(contained: Contained) -> None:
    """SIGTERM ends it within its grace, in order."""
    began = time.monotonic()
    contained.stage.docker("stop", "--time", "15", contained.name)
    assert time.monotonic() - began < GRACE_S
    assert contained.look()["State"]["ExitCode"] == 0, contained.log()


def test_it_manages_everything_but_its_own_container(stage: Stage, contained: Contained) -> None:
    """A document that would take over the controller's own container, and replace it."""
    stage.write(stage.web("v1"))
    contained.up()
    contained.settles(stage.name)
    before = stage.identity(contained.name)
    itself = document(
        "itself",
        stage.image("v2"),
        "r1",
        config={"containerName": contained.name},
        adopt=True,
        sticker={"path": str(stage.sticker("itself"))},
    )
    stage.write(itself, file="itself.yaml")
    eventually("it is refused", lambda: contained.pages.phase("itself") == "Blocked", within_s=START_S)
    stage.write(stage.web("v2"))
    eventually("all else goes on", lambda: stage.page() == "web v2", within_s=START_S)
    contained.settles(stage.name)
    for command in (("plan", "itself"), ("status", "itself")):
        said = contained.says("sh", "-c", f"reconciler {' '.join(command)}; :")
        assert f"{contained.name} ({before[0][:12]}) is the container that this controller runs in" in " ".join(
            said.split()
        )
    assert f"itself: runs in {contained.name}" in contained.says("sh", "-c", "reconciler doctor; :")
    (stage.desired / "itself.yaml").unlink()
    eventually("it goes as it came", lambda: contained.pages.phase("itself") == "", within_s=START_S)
    assert stage.identity(contained.name) == before
