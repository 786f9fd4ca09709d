"""The two journals, and documents to write into them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from reconciler.core.container import ContainerConfig
from reconciler.core.desired import DesiredState, ImageReference, Release, Strategy
from reconciler.core.interfaces import Journal
from reconciler.history import History
from tests.simulator.clock import SimulatedClock
from tests.simulator.journal import MemoryJournal

SIDES = ("memory", "real")


@contextmanager
def opened(side: str, folder: Path, clock: SimulatedClock) -> Iterator[Journal]:
    """An empty journal of that side."""
    if side == "memory":
        yield MemoryJournal(clock=clock)
        return
    history = History.open(folder / "history.db", clock=clock, rebuild=rebuild)
    try:
        yield history
    finally:
        history.close()


def wish(name: str = "web", release: str = "1", *, retries: int = 0) -> DesiredState:
    """A document; ``retries`` is not part of its fingerprint."""
    return rebuild({"name": name, "release": release, "retries": retries})


def rebuild(document: Mapping[str, Any]) -> DesiredState:
    return DesiredState(
        name=document["name"],
        release=Release(document["release"], f"Release {document['release']}"),
        image=ImageReference("shop/web", "sha256:" + "a" * 64),
        container_name=document["name"],
        config=ContainerConfig(command=("serve", document["release"])),
        strategy=Strategy(retries=document["retries"]),
        document=dict(document),
    )
