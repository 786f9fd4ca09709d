"""The shop: a project of three services as its author writes it, and the edits that tests make to it.

A web app behind a port shows a file that lies beside the document; a worker needs the web app healthy; a job comes
before both and writes a line into the volume at every run, so that its runs can be counted afterwards.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tests.e2e.documents import merged
from tests.parts.images import PublishedImage
from tests.parts.project_images import ProjectImages
from tests.parts.standard_images import WEB_PORT, StandardImages

Model = dict[str, Any]

MOTD = "motd.txt"
RUNS = "runs"
"""The file in the volume that has a line for every run of the job."""

COUNT_RUNS = f"echo ran >> /data/{RUNS}"


@dataclass(frozen=True, kw_only=True)
class Catalogue:
    """All images by the name that tests call them: ``web v1``, ``worker v2``, ``stubborn v1``, ``plain`` ..."""

    standard: StandardImages
    project: ProjectImages

    def __getitem__(self, wanted: str) -> PublishedImage:
        field = wanted.replace(" ", "_")
        place = self.standard if hasattr(self.standard, field) else self.project
        found: PublishedImage = getattr(place, field)
        return found

    def all(self) -> tuple[PublishedImage, ...]:
        """Every image there is."""
        return tuple(getattr(place, name) for place in (self.standard, self.project) for name in place.__slots__)


def shop(images: Catalogue, *, port: int, secret: str = "") -> Model:
    """The project in its first release."""
    return {
        "services": {
            "web": {
                "image": images["web v1"].tagged,
                "environment": {"GREETING": "hello", **({"APP_PASSWORD": secret} if secret else {})},
                "ports": [f"127.0.0.1:{port}:{WEB_PORT}"],
                "networks": {"front": {"aliases": ["shop-front"]}},
                "configs": [{"source": "motd", "target": f"/www/{MOTD}"}],
                "depends_on": {"migrate": {"condition": "service_completed_successfully"}},
                "restart": "unless-stopped",
                "stop_grace_period": "2s",
                "mem_limit": "64m",
            },
            "worker": {
                "image": images["worker v1"].tagged,
                "networks": ["front"],
                "volumes": ["data:/data"],
                "depends_on": {"web": {"condition": "service_healthy"}},
                "restart": "unless-stopped",
                "stop_grace_period": "2s",
            },
            "migrate": {
                "image": images["plain"].tagged,
                "command": ["sh", "-c", COUNT_RUNS],
                "networks": ["front"],
                "volumes": ["data:/data"],
                "restart": "no",
            },
        },
        "networks": {"front": {}},
        "volumes": {"data": {}},
        "configs": {"motd": {"file": f"./{MOTD}"}},
    }


def edited(model: Model, service: str, **changes: Any) -> Model:
    """The model with some keys of one service changed, mapping by mapping; None takes a key away."""
    return merged(model, {"services": {service: changes}})


def pair(images: Catalogue, *, port: int = 0, release: str = "v1") -> Model:
    """The smallest project that shows whether one is whole: two services, the second needs the first."""
    return {
        "services": {
            "first": {
                "image": images[f"worker {release}"].tagged,
                "restart": "unless-stopped",
                "stop_grace_period": "1s",
            },
            "second": {
                "image": images[f"worker {release}"].tagged,
                "depends_on": ["first"],
                "restart": "unless-stopped",
                "stop_grace_period": "1s",
            },
        }
    }
