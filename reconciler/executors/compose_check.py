"""Does the project on the host say what was verified?

Comparisons of what was verified with what is there: the files on disk, the model that Compose understands, the
containers. Each raises VerificationFailed, which names what differs and never a value out of a file. Pure.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any

from reconciler.core.image import ImageReference, short_digest
from reconciler.core.observation import ContainerDetail, DeploymentReading
from reconciler.core.project import CONFIG_HASH_LABEL, Project
from reconciler.errors import VerificationFailed
from reconciler.executors.compose_containers import Rows, expected
from reconciler.executors.image_check import names_same


def check_files(project: Project, files: Mapping[str, bytes], reading: DeploymentReading) -> None:
    """What lies on the host must be ``files``, byte for byte."""
    if reading.problem:
        raise VerificationFailed(f"the files of project {project.name} cannot be read: {reading.problem}")
    wrong = [path for path, content in files.items() if reading.digests.get(path) != _sha256(content)]
    if wrong:
        raise VerificationFailed(
            f"files of project {project.name} in {project.directory} are not as they were verified: "
            f"{', '.join(wrong)}",
            hint="nothing was started; look who writes there, the next pass writes them anew",
        )


def check_model(project: Project, model: Mapping[str, Any], secrets: Mapping[str, str]) -> None:
    """What Compose understands must be the project's services with their images, and nothing to build; and of the
    document's ``secrets`` those that services mount, each the file at its path.
    """
    wrong = [*_differences(project, model), *_other_secrets(project, model, secrets)]
    if wrong:
        raise VerificationFailed(
            f"Compose understands project {project.name} otherwise than it was verified: {'; '.join(wrong)}",
            hint="make the lock file anew with `reconciler lock`",
        )


def _differences(project: Project, model: Mapping[str, Any]) -> Iterator[str]:
    if model.get("name") != project.name:
        yield f"its name is {model.get('name')}"
    services = model.get("services") or {}
    wanted = {service.name: service.image for service in project.services}
    for name in sorted(services.keys() - wanted.keys()):
        yield f"service {name} is not in the lock file"
    for name in sorted(wanted.keys() - services.keys()):
        yield f"service {name} is missing"
    for name in sorted(wanted.keys() & services.keys()):
        if "build" in services[name]:
            yield f"service {name} is built"
        if not names_same(wanted[name], str(services[name].get("image", ""))):
            yield f"service {name} has image {services[name].get('image')}"


def _other_secrets(project: Project, model: Mapping[str, Any], secrets: Mapping[str, str]) -> Iterator[str]:
    found = model.get("secrets") or {}
    for name in sorted({item.key for service in project.services for item in service.files if not item.artifact}):
        said = found.get(name) or {}
        if said.get("external") or said.get("file") != secrets[name]:
            yield f"secret {name} is not the file that the document's is delivered to"


def check_numbers(project: Project, own: Mapping[str, Rows]) -> None:
    """There must be as many containers of each service as it has replicas, and none besides."""
    for service in project.services:
        rows = expected(project, service, own)
        if len(rows) > service.replicas:
            raise VerificationFailed(
                f"service {service.name} of project {project.name} has {len(rows)} containers instead of "
                f"{service.replicas}: {', '.join(row.name for row in rows)}",
                hint="the next pass puts it right",
            )
    besides = sorted(row.name for name, rows in own.items() if project.service(name) is None for row in rows)
    if besides:
        raise VerificationFailed(
            f"project {project.name} has containers of no service: {', '.join(besides)}",
            hint="the next pass removes them",
        )


def check_image(image: ImageReference, image_id: str, found: ContainerDetail) -> None:
    """A container must run the image that the engine has under this repository and digest (``image_id`` "": none),
    and name it so.
    """
    if found.image_id != image_id or not names_same(image, found.image_reference):
        has = f"is image {short_digest(image_id)}" if image_id else "is not on the host"
        raise VerificationFailed(
            f"{found.name} runs image {short_digest(found.image_id)} as {found.image_reference}, "
            f"but {image} {has}",
            hint="the next pass puts it right; look who tags or removes images here",
        )


def config_hashes(own: Mapping[str, Rows]) -> Mapping[str, str]:
    """The hash that Compose put on the containers, by service: the same on all of one service."""
    found = {name: {row.labels.get(CONFIG_HASH_LABEL, "") for row in rows} for name, rows in own.items()}
    uneven = sorted(name for name, hashes in found.items() if len(hashes) != 1 or "" in hashes)
    if uneven:
        raise VerificationFailed(
            f"containers of one service are of different configurations: {', '.join(uneven)}",
            hint="the next pass recreates them",
        )
    return {name: next(iter(hashes)) for name, hashes in found.items()}


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
