"""Images for the services of a Compose project, beside the standard ones: a worker in three releases, and one that
takes its time to stop.

A worker has a health check of its own; what it works on does not matter. ``stubborn`` ignores SIGTERM, so that
replacing it takes as long as the project grants it: long enough for tests that break something meanwhile.
"""

from __future__ import annotations

from dataclasses import dataclass

from tests.parts.images import PublishedImage, Recipe, publish
from tests.parts.standard_images import HEALTH_INTERVAL_NS

_WORK = """\
#!/bin/sh
trap 'exit 0' TERM INT
echo "worker starts"
sleep 1000000 &
wait $!
"""
_IGNORE = """\
#!/bin/sh
trap '' TERM
echo "will not stop"
while true; do sleep 1; done
"""


def worker(version: str, *, healthy: bool = True) -> Recipe:
    """A release of the worker; ``healthy=False`` lacks the file that its health check asks for."""
    files = {"app/work": _WORK, "app/version": f"{version}\n"}
    if healthy:
        files["app/healthy"] = "yes\n"
    return Recipe(
        files=files,
        config={
            "Cmd": ["/app/work"],
            "Env": ["PATH=/bin", f"VERSION={version}"],
            "Healthcheck": {
                "Test": ["CMD", "test", "-f", "/app/healthy"],
                "Interval": HEALTH_INTERVAL_NS,
                "Timeout": 2_000_000_000,
                "Retries": 2,
            },
        },
    )


def stubborn(version: str) -> Recipe:
    """A release of a program that only SIGKILL ends."""
    return Recipe(
        files={"app/ignore": _IGNORE}, config={"Cmd": ["/app/ignore"], "Env": ["PATH=/bin", f"VERSION={version}"]}
    )


@dataclass(frozen=True, slots=True)
class ProjectImages:
    """``worker_v3`` never gets healthy."""

    worker_v1: PublishedImage
    worker_v2: PublishedImage
    worker_v3: PublishedImage
    stubborn_v1: PublishedImage
    stubborn_v2: PublishedImage


def publish_project_images(address: str) -> ProjectImages:
    """Push the set to the registry at ``address``."""
    return ProjectImages(
        worker_v1=publish(address, "worker", "v1", worker("v1")),
        worker_v2=publish(address, "worker", "v2", worker("v2")),
        worker_v3=publish(address, "worker", "v3", worker("v3", healthy=False)),
        stubborn_v1=publish(address, "stubborn", "v1", stubborn("v1")),
        stubborn_v2=publish(address, "stubborn", "v2", stubborn("v2")),
    )
