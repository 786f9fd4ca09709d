"""Finding the program, what it is given of the environment, and how its runs end."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from reconciler.compose import lock, program
from reconciler.compose.client import DockerCompose
from reconciler.compose.process import Limits, run
from reconciler.core.deployment import LOCK_FILE
from reconciler.core.interfaces import ComposeProject
from reconciler.errors import ComposeBusy, ComposeFailed, ComposeMissing, StateUnwritable

URL = "unix:///run/nowhere.sock"
QUICK = Limits(deadline_s=0.3, grace_s=0.3, output_bytes=64 * 1024)


def script(folder: Path, text: str, *, name: str = "docker-compose", version: str = "2.26.1") -> str:
    """A program that says its version, and otherwise does ``text``."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f'#!/bin/sh\n[ "$1" = version ] && {{ echo "{version}"; exit; }}\n{text}\n')
    path.chmod(0o755)
    return str(path)


def compose(path: str, **settings: object) -> DockerCompose:
    return DockerCompose(URL, executable=path, environment={"PATH": os.environ["PATH"]}, **settings)  # type: ignore[arg-type] # passed on as they are


@pytest.fixture
def project(tmp_path: Path) -> ComposeProject:
    (tmp_path / "shop").mkdir()
    return ComposeProject(name="shop", directory=str(tmp_path / "shop"), files=())


def quiet(line: str) -> None:
    """Nobody watches."""


def test_plugins_come_before_the_path_and_a_users_own_before_all(tmp_path: Path) -> None:
    environment = {"HOME": str(tmp_path / "home"), "PATH": str(tmp_path / "bin")}
    folders = (str(tmp_path / "plugins"),)
    for folder in ("bin", "plugins", "home/.docker/cli-plugins"):
        expected = script(tmp_path / folder, "")
        assert program.find(environment, folders=folders) == expected


def test_a_host_without_compose_is_told_how_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(ComposeMissing, match="install Docker Compose"):
        program.find({"PATH": str(tmp_path)}, folders=())


@pytest.mark.parametrize("version", ["1.29.2", "2.18.9", "docker-compose version 1.29.2, build", ""])
def test_a_version_that_is_too_old_is_refused(tmp_path: Path, version: str) -> None:
    with pytest.raises(ComposeMissing, match="install Docker Compose"):
        compose(script(tmp_path, "", version=version)).version()


@pytest.mark.parametrize("version", ["2.19.0", "v2.26.1-4", "5.0.1"])
def test_a_version_that_will_do_is_asked_once(tmp_path: Path, version: str) -> None:
    path = script(tmp_path, "", version=version)
    found = compose(path)
    assert found.version() == version
    script(tmp_path, "", version="1.0.0")
    assert found.version() == version


def test_what_cannot_be_run_is_no_compose(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("no program")
    (tmp_path / "text").chmod(0o755)
    with pytest.raises(ComposeMissing, match="could not run"):
        compose(str(tmp_path / "text")).version()


def test_nothing_of_the_environment_is_passed_on_but_the_way_to_the_engine() -> None:
    ours = {"PATH": "/bin", "HOME": "/root", "COMPOSE_FILE": "x", "DOCKER_CONTEXT": "y", "HTTP_PROXY": "z"}
    nowhere = {"HOME": "/nonexistent", "DOCKER_CONFIG": "/nonexistent"}
    assert program.child_environment(URL, ours) == {"PATH": "/bin", "DOCKER_HOST": URL, **nowhere}


@pytest.mark.parametrize(
    ("ours", "passed"),
    [
        ({}, {}),
        ({"DOCKER_CERT_PATH": "/c"}, {"DOCKER_CERT_PATH": "/c", "DOCKER_TLS": "1"}),
        ({"DOCKER_TLS_VERIFY": "1", "HOME": "/me"}, {"DOCKER_CERT_PATH": "/me/.docker", "DOCKER_TLS_VERIFY": "1"}),
    ],
)
def test_an_engine_behind_tls_is_reached_as_by_ourselves(ours: dict[str, str], passed: dict[str, str]) -> None:
    child = program.child_environment("tcp://host:2376", ours)
    assert {
        name: value for name, value in child.items() if name.startswith(("DOCKER_CERT", "DOCKER_TLS"))
    } == passed
    assert not any(name.startswith("DOCKER_TLS") for name in program.child_environment(URL, ours))


def test_an_engine_behind_ssh_is_reached_with_the_agent() -> None:
    assert program.child_environment("ssh://host", {"SSH_AUTH_SOCK": "/a"})["SSH_AUTH_SOCK"] == "/a"


def test_lines_are_told_as_they_come_and_a_bad_end_is_an_error(tmp_path: Path, project: ComposeProject) -> None:
    lines: list[str] = []
    path = script(tmp_path, "echo ' Container shop-web-1  Created' >&2; printf 'so it went' >&2; exit 3")
    with pytest.raises(ComposeFailed, match="creating the containers of shop: so it went"):
        compose(path).up(project, recreate=(), progress=lines.append)
    assert lines == ["web: Created", "so it went"]


@pytest.mark.parametrize("stubborn", [False, True], ids=["SIGTERM is enough", "SIGKILL is needed"])
def test_a_run_that_takes_too_long_is_ended(tmp_path: Path, project: ComposeProject, *, stubborn: bool) -> None:
    path = script(tmp_path, f"trap '{'' if stubborn else 'exit 0'}' TERM; while :; do sleep 0.05; done")
    began = time.monotonic()
    with pytest.raises(ComposeBusy, match=r"did not end within 0\.3 s"):
        compose(path, limits=QUICK).up(project, recreate=(), progress=quiet)
    assert time.monotonic() - began < 5


def test_a_run_that_was_killed_is_mended_by_the_next_pass(tmp_path: Path, project: ComposeProject) -> None:
    with pytest.raises(ComposeBusy, match="killed by signal 9"):
        compose(script(tmp_path, "kill -9 $$")).up(project, recreate=(), progress=quiet)


def test_a_run_that_writes_without_end_is_ended(tmp_path: Path, project: ComposeProject) -> None:
    limits = Limits(deadline_s=20, grace_s=1, output_bytes=64 * 1024)
    with pytest.raises(ComposeFailed, match="more than 64 KiB"):
        compose(script(tmp_path, "yes >&2"), limits=limits).up(project, recreate=(), progress=quiet)


def test_what_was_written_before_the_limit_was_set_is_not_read_beyond_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a busy machine a program writes gigabytes between its start and our next line."""
    monkeypatch.setattr(resource, "prlimit", lambda *_: None)
    told: list[str] = []
    path = script(tmp_path, "yes | head -c 9000000 >&2")
    ended = run(
        (path,), environment={"PATH": os.environ["PATH"]}, limits=Limits(output_bytes=10_000), on_line=told.append
    )
    assert ended.loud
    assert len(told) == 5_000


@pytest.mark.parametrize("answer", ["no json", "[]"])
def test_a_model_that_is_none_is_told(tmp_path: Path, project: ComposeProject, answer: str) -> None:
    with pytest.raises(ComposeFailed, match=r"not JSON|no model"):
        compose(script(tmp_path, f"echo '{answer}'")).config(project)


def test_who_asks_gets_no_answer_and_has_a_session_of_its_own(tmp_path: Path) -> None:
    path = script(tmp_path, 'read -r answer; echo "[$answer] $(ps -o sid= -p $$)"')
    ended = run((path, "x"), environment={"PATH": os.environ["PATH"]}, limits=Limits(), on_line=quiet)
    assert ended.output.startswith(b"[]")
    assert str(os.getsid(0)).encode() not in ended.output.split()


def test_an_orphan_goes_on_and_keeps_the_lock_of_its_directory(tmp_path: Path, project: ComposeProject) -> None:
    """A controller that is killed in the middle: its Compose writes on, comes to its end, and is waited for."""
    done = tmp_path / "done"
    path = script(tmp_path, f"sleep 0.6; echo one >&2; echo two >&2; sleep 0.6; echo x > {done}")
    act = (
        "import sys; from reconciler.compose.client import DockerCompose as C;"
        "from reconciler.core.interfaces import ComposeProject as P;"
        f"C({URL!r}, executable={path!r}).up(P(name='shop', directory={project.directory!r}, files=()),"
        "recreate=(), progress=print)"
    )
    controller = subprocess.Popen([sys.executable, "-c", act])
    wait_for((Path(project.directory) / LOCK_FILE).exists)
    time.sleep(0.2)
    controller.send_signal(signal.SIGKILL)
    controller.wait()
    with pytest.raises(ComposeBusy, match="still at work"), lock.held(project.directory, wait_s=0, progress=quiet):
        pytest.fail("nobody else may be at work")
    lines: list[str] = []
    with lock.held(project.directory, wait_s=10, progress=lines.append):
        assert done.exists()
    assert lines == ["waiting for an earlier run of Compose to end"]


def wait_for(holds: Callable[[], bool]) -> None:
    until = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < until
        time.sleep(0.01)


def test_a_lock_whose_file_was_replaced_is_taken_anew(project: ComposeProject) -> None:
    path = Path(project.directory) / LOCK_FILE
    with lock.held(project.directory, wait_s=0, progress=quiet):
        path.unlink()
        with lock.held(project.directory, wait_s=0, progress=quiet) as handles:
            assert os.fstat(handles[0]).st_ino == path.stat().st_ino


def test_a_lock_that_is_a_link_is_refused(project: ComposeProject) -> None:
    (Path(project.directory) / LOCK_FILE).symlink_to("/etc/hostname")
    with pytest.raises(StateUnwritable, match="lock"), lock.held(project.directory, wait_s=0, progress=quiet):
        pytest.fail("a link was followed")


def test_where_there_is_no_directory_there_is_nothing_to_hold(tmp_path: Path) -> None:
    with lock.held(str(tmp_path / "gone"), wait_s=0, progress=quiet) as handles:
        assert handles == ()
