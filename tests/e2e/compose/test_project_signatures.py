"""Signatures of a project's images: every one needs its own, before anything of the project is touched."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from tests.e2e.compose.project_stage import ProjectStage
from tests.parts.cosign import Cosign
from tests.parts.images import Recipe, publish
from tests.parts.registry import PrivateRegistry
from tests.parts.standard_images import PLAIN

pytestmark = pytest.mark.engine


def test_a_project_runs_when_each_of_its_images_is_signed(
    project: ProjectStage, registry: PrivateRegistry, tmp_path: Path
) -> None:
    stage, repository = project.stage, project.stage.prefix
    front = publish(registry.address, f"{repository}/front", "v1", PLAIN)
    back = publish(registry.address, f"{repository}/back", "v1", Recipe(PLAIN.config, {**PLAIN.files, "x": "x"}))
    cosign = Cosign(tmp_path)
    key = cosign.key("good")
    stage.permit(signatures=[{"prefix": f"{registry.address}/{repository}", "keys": [str(key)]}])
    project.files = {}
    services = {"front": {"image": front.tagged}, "back": {"image": back.tagged}}
    project.write({"services": services}, "r1")
    assert set(yaml.safe_load(project.lock_file.read_text())["services"]) == set(services)
    cosign.sign(front.reference, key="good")
    done = stage.reconciler("apply", project.name)
    assert done.returncode == 4
    assert "back" in done.stdout + done.stderr
    assert "has no signature in" in done.stdout + done.stderr
    assert stage.ours(project.name) == {}
    cosign.sign(back.reference, key="good")
    done = stage.reconciler("apply", project.name)
    assert done.returncode == 0, done.stdout + done.stderr
    running = stage.sdk.containers(filters={"label": f"com.docker.compose.project={project.name}"})
    assert len(running) == 2
