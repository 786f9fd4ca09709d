"""What `doctor` says about Compose and the places of projects."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from reconciler.controller.checkup import Finding
from reconciler.controller.checkup_projects import check_projects, in_container_of
from reconciler.core.desired import DesiredState, Release
from reconciler.core.interfaces import ComposeProject, Progress
from reconciler.core.project import Project, artifact
from reconciler.errors import ComposeMissing
from tests.simulator.engine import SimulatedEngine


class Program:
    """Compose, or none: only its version is asked for."""

    def __init__(self, error: ComposeMissing | None = None) -> None:
        self.error = error
        self.asked = 0

    def version(self) -> str:
        self.asked += 1
        if self.error is not None:
            raise self.error
        return "2.26.1"

    def config(self, project: ComposeProject) -> Mapping[str, Any]:
        raise AssertionError(project)

    def up(self, project: ComposeProject, *, recreate: tuple[str, ...], progress: Progress) -> None:
        raise AssertionError(project)

    def down(self, project: ComposeProject, *, progress: Progress) -> None:
        raise AssertionError(project)


def shop(directory: Path | str) -> DesiredState:
    project = Project(
        name="shop", directory=str(directory), lock=artifact("compose.stella.lock.yml", b""), services=()
    )
    return DesiredState(name="shop", release=Release("1", "Shop"), kind="ComposeProject", project=project)


def found(directory: Path | str, *, contained: bool = False, **options: Any) -> Finding:
    program, place = check_projects(
        Program(), SimulatedEngine(), [shop(directory)], contained=lambda _: contained, **options
    )
    assert program == Finding("ok", "compose", "Docker Compose 2.26.1")
    assert place.subject == "deployment directory of shop"
    return place


def test_a_host_without_projects_needs_no_compose() -> None:
    program = Program()
    assert check_projects(program, SimulatedEngine(), [replace(shop("/srv"), project=None)]) == ()
    assert program.asked == 0


@pytest.mark.parametrize(("hint", "fix"), [("install it", "install it"), ("", "install Docker Compose v2")])
def test_a_missing_compose_is_an_error_with_a_way_to_install_it(hint: str, fix: str) -> None:
    program = Program(ComposeMissing("no docker compose here", hint=hint))
    first = check_projects(program, SimulatedEngine(), [shop("/")])[0]
    assert (first.level, first.detail, first.fix) == ("error", "no docker compose here", fix)


def test_a_directory_that_is_not_there_yet_is_judged_by_the_one_above(tmp_path: Path) -> None:
    assert found(tmp_path / "a" / "b").level == "ok"
    assert found(tmp_path).detail == str(tmp_path)


def test_something_else_in_the_way_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    for name in ("file", "link"):
        assert "is no folder" in found(tmp_path / name / "shop").detail


def test_a_folder_that_cannot_be_written_to_is_an_error(tmp_path: Path) -> None:
    place = found(tmp_path / "shop", writable=lambda folder: folder != tmp_path)
    assert (place.level, place.detail) == ("error", f"{tmp_path} cannot be written to")


def test_a_controller_in_a_container_needs_the_hosts_folder_at_the_same_path() -> None:
    place = found("/a-folder-of-the-container/shop", contained=True)
    assert place.level == "error"
    assert "-v /a-folder-of-the-container/shop:/a-folder-of-the-container/shop" in place.fix
    assert found("/proc/mounted", contained=True).level == "ok"


def test_only_a_container_of_the_same_engine_is_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = SimulatedEngine()
    mounts = tmp_path / "mountinfo"
    monkeypatch.setattr("reconciler.controller.checkup_projects._MOUNTS", mounts)
    ours = engine.by_hand.run("controller")
    line = "36 35 98:0 /var/lib/docker/containers/{}/hostname {} rw - ext4 /dev/sda1 rw\n"
    mounts.write_text(line.format(ours, "/var/lib/docker/containers/shm"))
    assert not in_container_of(engine)
    mounts.write_text(line.format("0" * 64, "/etc/hostname"))
    assert not in_container_of(engine)
    mounts.write_text(line.format(ours, "/etc/hostname"))
    assert in_container_of(engine)
    engine.go_away()
    assert not in_container_of(engine)


def test_this_process_is_in_no_container_of_an_engine_without_containers() -> None:
    assert not in_container_of(SimulatedEngine())
