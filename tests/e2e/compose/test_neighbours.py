"""Other projects on the same engine: ours with the same base name, and those of strangers. Fault P3."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import yaml

from tests.e2e.compose.project_oracle import ProjectOracle
from tests.e2e.compose.project_stage import PROJECT, ProjectStage
from tests.e2e.compose.shop import Catalogue, edited, pair
from tests.e2e.stage import Stage
from tests.parts.socket_proxy import SocketProxy


def _by_hand(project: ProjectStage, name: str, folder: str) -> dict[str, tuple[str, str]]:
    """A stranger deploys a project; identity by container."""
    model = pair(project.images)
    for service in model["services"].values():
        service["image"] = project.images["plain"].reference
    project.compose(
        *("-p", name, "up", "-d"),
        files={"compose.yaml": yaml.safe_dump(model)},
        cwd=project.stage.folder / folder,
    )
    return _identities(project, name)


def _identities(project: ProjectStage, name: str) -> dict[str, tuple[str, str]]:
    rows = project.stage.sdk.containers(all=True, filters={"label": f"{PROJECT}={name}"})
    return {row["Names"][0]: project.stage.identity(row["Id"]) for row in rows}


@pytest.mark.fault("P3")
def test_two_projects_in_folders_of_one_name_live_side_by_side(
    stage: Stage, catalogue: Catalogue, proxy: SocketProxy, project: ProjectStage
) -> None:
    one = ProjectStage(stage=stage, images=catalogue, place="a", files={})
    other = ProjectStage(stage=stage, images=catalogue, place="b", files={})
    assert (one.author.name, one.directory.name) == (other.author.name, other.directory.name)
    one.deploy(pair(catalogue), "r1")
    first = ProjectOracle(other, proxy)
    other.deploy(pair(catalogue), "r1")
    other.deploy(pair(catalogue, release="v2"), "r2")
    other.stage.docker("rm", "-f", other.container("first"))
    other.apply()
    first.holds()
    before = _identities(other, other.name)
    one.deploy(pair(catalogue, release="v2"), "r2")
    other.document_file.unlink()
    status, said = one.here("prune", "--confirm")
    assert status == 0, said
    assert before
    assert _identities(other, other.name) == {}
    assert {name: told["State"]["Status"] for name, told in one.containers().items()} == {
        one.container("first"): "running",
        one.container("second"): "running",
    }


@pytest.fixture
def strangers(project: ProjectStage) -> Iterator[str]:
    """Name of a project that somebody deploys by hand; taken down afterwards by its owner."""
    name = f"{project.stage.prefix}-theirs"
    project.stage.docker("pull", "-q", project.images["plain"].reference)
    yield name
    project.compose("-p", name, "down", "-t", "1", cwd=project.stage.folder / "theirs")


def test_a_strangers_project_is_untouched_by_everything_we_do(
    strangers: str, project: ProjectStage, proxy: SocketProxy
) -> None:
    before = _by_hand(project, strangers, "theirs")
    again = ProjectOracle(project, proxy)
    project.deploy(project.shop(), "r1")
    project.deploy(edited(project.shop(), "worker", image=project.images["worker v2"].tagged), "r2")
    project.write(edited(project.shop(), "worker", command=["/nowhere"]), "r3")
    project.apply_here(outcome="rolled-back")
    project.write_bystander()
    project.document_file.unlink()
    status, said = project.here("prune", "--confirm")
    assert status == 0, said
    assert _identities(project, strangers) == before
    again.nothing_is_left()


def test_a_strangers_project_of_our_name_blocks_with_a_reason_and_is_never_touched(
    project: ProjectStage, oracle: ProjectOracle
) -> None:
    project.stage.docker("pull", "-q", project.images["plain"].reference)
    before = _by_hand(project, project.name, "elsewhere")
    project.write(project.shop(), "r1")
    done = project.apply(expect=5)
    assert project.name in done.stdout
    assert "which is not ours" in done.stdout
    assert "foreign" in {kind for kind, _ in project.drift()}
    assert _identities(project, project.name) == before
    assert not (project.directory / "current").exists()
    project.compose("-p", project.name, "down", "-t", "1", cwd=project.stage.folder / "elsewhere")
    project.apply()
    oracle.holds(runs=1)


def test_a_strangers_project_that_takes_our_name_while_ours_runs_blocks_and_is_never_touched(
    project: ProjectStage, oracle: ProjectOracle
) -> None:
    project.deploy(project.shop(), "r1")
    intruder = f"{project.stage.prefix}-intruder"
    project.stage.docker(
        *("run", "-d", "--name", intruder, f"--label={PROJECT}={project.name}"),
        *(
            "--label=com.docker.compose.service=worker",
            "--label=com.docker.compose.project.working_dir=/elsewhere",
        ),
        *("--label=com.docker.compose.container-number=1", "--label=com.docker.compose.oneoff=False"),
        project.images["plain"].reference,
    )
    theirs, ours = project.stage.identity(intruder), project.identities("web", "worker", "migrate")
    project.write(edited(project.shop(), "worker", image=project.images["worker v2"].tagged), "r2")
    project.apply(expect=5)
    assert (project.stage.identity(intruder), project.identities("web", "worker", "migrate")) == (theirs, ours)
    project.stage.docker("rm", "-f", intruder)
    project.apply()
    oracle.holds(runs=1)


def test_a_container_of_a_stranger_on_a_name_that_we_need_blocks_and_is_never_touched(
    project: ProjectStage, oracle: ProjectOracle
) -> None:
    name = project.container("worker")
    project.stage.docker("run", "-d", "--name", name, project.images["plain"].reference)
    before = project.stage.identity(name)
    project.write(project.shop(), "r1")
    done = project.apply(expect=5)
    assert name in done.stdout
    assert project.stage.identity(name) == before
    project.stage.docker("rm", "-f", name)
    project.apply()
    oracle.holds(runs=1)
