"""The history with documents as they are written, rebuilt by the room that builds them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from reconciler.core.desired import SourceLocation
from reconciler.history import History
from reconciler.spec.build import build
from tests.history.conftest import Clock


def _document(release: str, *, memory: str = "256Mi") -> dict[str, Any]:
    return {
        "apiVersion": "stella/v1",
        "kind": "Container",
        "metadata": {"name": "web", "target": "host-a", "labels": {"team": "shop"}},
        "spec": {
            "release": {"id": release, "name": f"Web {release}"},
            "image": "registry.example.com/shop/web",
            "digest": "sha256:" + "2b" * 32,
            "config": {
                "environment": {"GREETING": "it's \N{WHALE}\n$(here)"},
                "ports": ["127.0.0.1:8080:80/tcp"],
                "memoryLimit": memory,
                "cpuLimit": 1.5,
            },
            "strategy": {"order": "stop-first", "minHealthy": "5s"},
        },
    }


def test_a_document_comes_back_equal_with_its_fingerprint(path: Path, clock: Clock) -> None:
    desired = build(_document("rel-1"), source=SourceLocation("shop.yaml", 3))
    writer = History.open(path, clock=clock, rebuild=build)
    writer.begin(desired, generation=1, kind="deploy", container_id="", cause="it is wanted", actor="ana")
    writer.commit("web", 1)
    writer.accept({"shop.yaml": (desired,)})
    writer.close()
    reader = History.open(path, clock=clock, rebuild=build)
    revision = reader.record("web").committed_revision
    assert revision is not None
    assert (revision.desired, revision.desired.fingerprint) == (desired, revision.fingerprint)
    kept = reader.accepted()["shop.yaml"]
    assert (kept, kept[0].source) == ((desired,), SourceLocation("shop.yaml", 3))
    reader.close()


def test_another_limit_is_another_revision(path: Path, clock: Clock) -> None:
    history = History.open(path, clock=clock, rebuild=build)
    for generation, memory in enumerate(("256Mi", "512Mi", "256Mi"), start=1):
        desired = build(_document("rel-1", memory=memory))
        history.begin(desired, generation=generation, kind="deploy", container_id="", cause="x", actor="ana")
        history.commit("web", generation)
    record = history.record("web")
    assert len(record.revisions) == 2
    assert record.operations[0].fingerprint == record.operations[2].fingerprint
    history.close()
