"""Values that the command line's tests have in common."""

from __future__ import annotations

from reconciler.core.action import (
    ContainerRef,
    CreateContainer,
    PullImage,
    RemoveContainer,
    StopContainer,
)
from reconciler.core.container import ContainerConfig
from reconciler.core.desired import DesiredState, ImageReference, Release, SourceLocation
from reconciler.core.drift import Drift
from reconciler.core.plan import Plan
from reconciler.core.record import Operation, Record, Revision
from tests.cli.recorded import NOW
from tests.core.compose.host import document, service

A = ImageReference("registry.example.com/shop/web", "sha256:" + "a" * 64)
B = ImageReference("registry.example.com/shop/web", "sha256:" + "b" * 64)


def desired(release: str, image: ImageReference = A, name: str = "web", **options: object) -> DesiredState:
    return DesiredState(
        name=name,
        release=Release(release, f"Web {release}"),
        image=image,
        container_name=name,
        config=ContainerConfig(),
        source=SourceLocation(f"{name}.yaml", 1),
        **options,  # type: ignore[arg-type]
    )


ONE, TWO, THREE = desired("r1", A), desired("r2", B), desired("r3", B)
PROJECT = document("r1", service("db"), service("web"))
OLD = ContainerRef("web", "0123456789abcdef")
NEW = ContainerRef("web-next-g2", generation=2)

DEPLOY = Plan(
    document="web",
    purpose="deploy",
    drift=(Drift("release", "release.id", "r2", "r1"),),
    actions=(
        PullImage(document="web", cause="the host does not have the image", image=B),
        CreateContainer(
            document="web", cause="release r2 replaces r1", container=NEW, image=B, config=ContainerConfig()
        ),
        StopContainer(document="web", cause="release r2 replaces r1", container=OLD),
        RemoveContainer(document="web", cause="the document asks for it", container=OLD),
    ),
)
NOTHING = Plan(document="db")
BLOCKED = Plan(document="api", blocked="web is not healthy yet", waiting=True)
PRUNE = Plan(
    document="old",
    purpose="prune",
    drift=(Drift("orphan", "", "nothing", "running"),),
    actions=(
        RemoveContainer(document="old", cause="its document is gone", container=ContainerRef("old", "f" * 64)),
    ),
)

RECORD = Record(
    document="web",
    owner="o",
    generation=3,
    revisions=tuple(Revision(fingerprint=item.fingerprint, desired=item) for item in (ONE, TWO, THREE)),
    operations=(
        Operation(
            generation=1,
            kind="deploy",
            fingerprint=ONE.fingerprint,
            state="committed",
            started_at=NOW - 90_000,
            ended_at=NOW - 89_990,
            actor="ana",
            cause="it was never deployed",
        ),
        Operation(
            generation=2, kind="deploy", fingerprint=TWO.fingerprint, state="committed", started_at=NOW - 3_700
        ),
        Operation(
            generation=3,
            kind="deploy",
            fingerprint=THREE.fingerprint,
            state="undone",
            started_at=NOW - 130,
            failure="web did not become healthy within 60s: exited with 1",
            quarantine=True,
            restored=True,
        ),
    ),
    quarantined={THREE.fingerprint: "web did not become healthy within 60s: exited with 1"},
)
