"""What Compose makes of a project's secrets is compared with where they are delivered."""

from __future__ import annotations

from typing import Any

import pytest

from reconciler.core.container import ContainerConfig
from reconciler.core.image import ImageReference
from reconciler.core.project import MountedFile, Project, Service, artifact
from reconciler.errors import VerificationFailed
from reconciler.executors.compose_check import check_model

IMAGE = ImageReference("registry.example.com/web", "sha256:" + "1" * 64)
MOUNTED = MountedFile(artifact="", target="/run/secrets/db", kind="secret", key="db")
SHOP = Project(
    name="shop",
    directory="/srv/shop",
    lock=artifact("lock", b""),
    services=(Service(name="web", image=IMAGE, config=ContainerConfig(), files=(MOUNTED,)),),
    secrets=("db",),
)
PLACE = "/mem/shop/1/db"


def model(**secret: Any) -> dict[str, Any]:
    return {"name": "shop", "services": {"web": {"image": str(IMAGE)}}, "secrets": {"db": secret}}


def test_a_secret_from_where_it_is_delivered_is_right() -> None:
    check_model(SHOP, model(file=PLACE), {"db": PLACE})


@pytest.mark.parametrize(
    "found", [model(file="/elsewhere"), model(file=PLACE, external=True), {**model(), "secrets": None}]
)
def test_a_secret_from_elsewhere_is_refused(found: dict[str, Any]) -> None:
    with pytest.raises(VerificationFailed, match="secret db is not the file"):
        check_model(SHOP, found, {"db": PLACE})
