"""What the files of the town say: one kind of document beside another, so that faults meet every way of deploying.

Every document carries a planted secret; a ``guarded`` one has an encrypted one too, and hooks before and after.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.chaos.citizen import Citizen
from tests.e2e.compose.project_stage import ProjectStage
from tests.e2e.compose.shop import Catalogue, Model, edited, pair
from tests.e2e.documents import Spec, document, merged
from tests.parts.images import PublishedImage
from tests.parts.standard_images import WEB_PORT

PROBED = {"interval": "4s", "timeout": "60s"}
"""A probe is a process on the host: many documents with the images' own interval would leave room for nothing."""

LOOKS_AT_THE_SECRET = "test -s /run/secrets/word"
SERVICES = ("first", "second")
PROJECT_IMAGES = {"good 1": "worker v1", "good 0": "worker v2"}
BAD = "bad"
"""A project whose second service ends at once."""


@dataclass(frozen=True, slots=True)
class Wishes:
    """``locks``: how a document names the lock file of each variant of a project; ``registry``: where images come
    from; ``sealed``: an encrypted secret.
    """

    images: Catalogue
    registry: str
    folder: Path
    canary: str
    sealed: str
    locks: Mapping[str, Spec]

    def of(self, citizen: Citizen, sticker: Path) -> Spec:
        """Its whole document."""
        shown = {"sticker": {"path": str(sticker)}}
        if citizen.kind == "project":
            return self._project(citizen, shown)
        image = self.image(citizen)
        through = dataclasses.replace(image, repository=f"{self.registry}/{image.repository.partition('/')[2]}")
        spec = merged(self._container(citizen), shown)
        return document(citizen.name, through, f"r{citizen.release}", **spec)

    def image(self, citizen: Citizen) -> PublishedImage:
        """Of a container's release."""
        match citizen.kind:
            case "web" if citizen.bad:
                return self.images["web v3"]
            case "web":
                return self.images["web v1" if citizen.release % 2 else "web v2"]
            case "job":
                return self.images["exits" if citizen.bad else "job"]
            case _:
                return self.images["exits" if citizen.bad else "plain"]

    def services(self, release: int) -> dict[str, str]:
        """The image ids of a project's good release, by service."""
        return dict.fromkeys(SERVICES, self.images[PROJECT_IMAGES[_variant(release)]].image_id)

    def _container(self, citizen: Citizen) -> Spec:
        environment = {"RELEASE": str(citizen.release), "APP_PASSWORD": self.canary}
        spec: Spec = {"config": {"environment": environment}, "strategy": _strategy(citizen)}
        match citizen.kind:
            case "web":
                ports = [f"127.0.0.1:{citizen.port}:{WEB_PORT}"]
                return merged(spec, {"config": {"ports": ports, "healthCheck": PROBED}})
            case "job":
                return merged(spec, {"config": {"restartPolicy": "no"}})
            case "start-first":
                return merged(spec, {"strategy": {"order": "start-first"}})
            case "guarded":
                secret = {"name": "word", "encrypted": self.sealed}
                hooks = {"preDeploy": _hook(), "postDeploy": _hook()}
                return merged(spec, {"config": {"secrets": [secret]}, "hooks": hooks})
            case _:
                return spec

    def _project(self, citizen: Citizen, shown: Spec) -> Spec:
        lock = self.locks[BAD if citizen.bad else _variant(citizen.release)]
        config = {
            "projectName": citizen.name,
            "deploymentDirectory": str(self.folder / "deployments" / citizen.name),
            "healthCheck": {"timeout": "60s"},
            **lock,
        }
        release = {"id": f"r{citizen.release}", "name": f"{citizen.name} r{citizen.release}"}
        spec = {"release": release, "config": config, "strategy": _strategy(citizen), **shown}
        metadata = {"name": citizen.name}
        return {"apiVersion": "stella/v1", "kind": "ComposeProject", "metadata": metadata, "spec": spec}


def _strategy(citizen: Citizen) -> Spec:
    """One that ends at once has the time to do so, also on a machine that is busy."""
    return {"minHealthy": "5s" if citizen.bad else "200ms"}


def _hook() -> Spec:
    """May run twice: a controller that is killed with it does not wait for a person. A fresh one each time, since
    documents have no aliases.
    """
    return {"command": ["/bin/sh", "-c", LOOKS_AT_THE_SECRET], "secrets": ["word"], "idempotent": True}


def _variant(release: int) -> str:
    return f"good {release % 2}"


def locked(author: ProjectStage, registry: str) -> dict[str, Spec]:
    """Lock every variant of the project, as its author would, while the registry tells the truth."""
    models = {variant: _pair(author.images, image) for variant, image in PROJECT_IMAGES.items()}
    models[BAD] = edited(models["good 1"], "second", image=author.images["exits"].tagged, restart="no")
    return {variant: _lock(author, variant, model, registry) for variant, model in models.items()}


def _pair(images: Catalogue, image: str) -> Model:
    """Probed as seldom as the others."""
    model = pair(images, release=image.removeprefix("worker "))
    for service in SERVICES:
        model = edited(model, service, healthcheck={"interval": PROBED["interval"]})
    return model


def _lock(author: ProjectStage, variant: str, model: Model, registry: str) -> Spec:
    file = author.author / f"{variant.replace(' ', '-')}.lock.yml"
    author.author.mkdir(exist_ok=True)
    text = yaml.safe_dump(model, sort_keys=False)
    upstream = author.images["plain"].repository.partition("/")[0]
    source = author.author / "compose.yaml"
    source.write_text(text.replace(upstream, registry))
    status, said = author.here("lock", str(source), "-o", str(file))
    assert status == 0, said
    source.unlink()
    return _reference(file, author.stage.desired)


def _reference(file: Path, folder: Path) -> dict[str, Any]:
    content = file.read_bytes()
    services = yaml.safe_load(content)["services"]
    lock = {"source": str(file.relative_to(folder)), "sha256": hashlib.sha256(content).hexdigest()}
    return {
        "composeLock": {**lock, "size": len(content)},
        "expectedDigests": {name: service["image"].partition("@")[2] for name, service in services.items()},
    }
