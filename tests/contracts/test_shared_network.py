"""A service in another one's network, as the real Compose and engine show it: no difference, until it is stale."""

from __future__ import annotations

import time
from pathlib import Path

import docker

from reconciler.compose.client import DockerCompose
from reconciler.core.compose.claims import find_project_claims
from reconciler.core.compose.drift import find_project_drift
from reconciler.core.deployment import compose_files, revision_files
from reconciler.core.desired import DesiredState
from reconciler.core.image import ImageReference
from reconciler.core.interfaces import ComposeProject
from reconciler.core.observation import Observation
from reconciler.core.project import PROJECT_LABEL
from reconciler.core.record import Record
from reconciler.core.situation import Situation
from reconciler.engine.client import DockerEngine
from reconciler.spec.assemble import examine
from tests.parts.standard_images import StandardImages
from tests.spec.locks import LOCK_PATH, Beside, project

LOCK = """\
services:
  web: {image: IMAGE}
  side: {image: IMAGE, network_mode: "service:web"}
  alone: {image: IMAGE, network_mode: none}
"""


def drift(desired: DesiredState, engine: DockerEngine) -> list[tuple[str, str]]:
    assert desired.project is not None
    record = Record(document=desired.name, owner="me")
    rows = engine.list_containers()
    details = {
        row.id: found
        for row in rows
        if row.labels.get(PROJECT_LABEL) == desired.project.name
        if (found := engine.inspect_container(row.id))
    }
    images = {item.image_id: image for item in details.values() if (image := engine.inspect_image(item.image_id))}
    seen = Observation(engine=engine.facts(), containers=rows, details=details, images=images)
    situation = Situation(desired=desired, observation=seen, record=record)
    differing = find_project_drift(situation, find_project_claims(desired.project, seen, record))
    return [(item.path, item.found) for item in differing if item.kind != "stopped"]


def test_a_container_in_a_services_network_differs_once_that_service_was_made_anew(
    engine_url: str, sdk: docker.APIClient, images: StandardImages, prefix: str, tmp_path: Path
) -> None:
    reference = ImageReference(images.plain.repository, images.plain.digest)
    sdk.pull(str(reference))
    document = project(
        config=f"projectName: {prefix}\ndeploymentDirectory: {tmp_path}",
        digests=", ".join(f"{name}: {reference.digest}" for name in ("web", "side", "alone")),
    )
    beside = Beside({LOCK_PATH: LOCK.replace("IMAGE", str(reference))})
    (desired,) = examine({"shop.yaml": document.encode()}, read=beside).documents
    assert desired.project is not None
    for path, content in revision_files(
        desired.project, fingerprint=desired.fingerprint, document=desired.name, owner="me"
    ).items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(content)
    files = compose_files(desired.project, desired.fingerprint)
    told = ComposeProject(name=prefix, directory=str(tmp_path), files=files)
    compose, engine = DockerCompose(engine_url), DockerEngine(engine_url, clock=time.time)
    try:
        compose.up(told, recreate=(), progress=lambda line: None)
        assert drift(desired, engine) == []
        before = sdk.inspect_container(f"{prefix}-web-1")
        sdk.remove_container(before["Id"])
        labels = before["Config"]["Labels"]
        sdk.create_container(str(reference), name=f"{prefix}-web-1", labels=labels)
        differing = dict(drift(desired, engine))
        assert differing["services.side.config.networks"] == f"[container:{before['Id'][:12]}]"
        compose.up(told, recreate=("web",), progress=lambda line: None)
        assert drift(desired, engine) == []
    finally:
        compose.down(told, progress=lambda line: None)
        engine.close()
