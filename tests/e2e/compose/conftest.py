"""Fixtures of the tests of Compose projects: a project's stage, and its oracle."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.e2e.canary import Arguments
from tests.e2e.compose.project_oracle import ProjectOracle
from tests.e2e.compose.project_stage import PROJECT, ProjectStage
from tests.e2e.compose.shop import Catalogue
from tests.e2e.search import search
from tests.e2e.stage import Stage
from tests.parts.host import kill_all
from tests.parts.socket_proxy import SocketProxy


@pytest.fixture
def project(stage: Stage, catalogue: Catalogue, arguments: Arguments) -> Iterator[ProjectStage]:
    """The stage of one project, empty. It is searched before what a broken test leaves behind is removed."""
    made = ProjectStage(stage=stage, images=catalogue)
    yield made
    try:
        search(stage, arguments)
    finally:
        _remove(stage)


def _remove(stage: Stage) -> None:
    kill_all(str(stage.folder))
    for row in stage.sdk.containers(all=True, filters={"label": PROJECT}):
        if row["Labels"][PROJECT].startswith(stage.prefix):
            stage.sdk.remove_container(row["Id"], force=True, v=True)


@pytest.fixture
def oracle(project: ProjectStage, proxy: SocketProxy) -> ProjectOracle:
    """What is on the engine now is foreign."""
    return ProjectOracle(project, proxy)
