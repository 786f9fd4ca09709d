"""Small documents for tests of the history, and the way back from their stored JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from reconciler.core.container import ContainerConfig
from reconciler.core.desired import DesiredState, ImageReference, Release, SourceLocation, StickerPlace, Strategy


def rebuild(document: Mapping[str, Any]) -> DesiredState:
    """The DesiredState of a document that ``wish`` has made."""
    return DesiredState(
        name=document["name"],
        release=Release(document["release"], f"Release {document['release']}"),
        image=ImageReference(f"registry.example.com/{document['name']}", document["digest"]),
        container_name=document["name"],
        config=ContainerConfig(environment={"RELEASE": document["release"]}),
        target="host-a",
        strategy=Strategy(order=document["order"]),
        sticker=StickerPlace(path=f"/var/stella/{document['name']}/version.json"),
        document=document,
    )


def wish(name: str = "web", release: str = "rel-1", *, order: str = "stop-first", line: int = 0) -> DesiredState:
    """A document with a digest of its own for every release."""
    digest = f"sha256:{release.encode().hex():0>64}"
    desired = rebuild({"name": name, "release": release, "digest": digest, "order": order})
    return replace(desired, source=SourceLocation("shop.yaml", line)) if line else desired
