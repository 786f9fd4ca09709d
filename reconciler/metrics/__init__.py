"""Metrics of one host's controller: what is counted, what is shown, and the page that tells it.

``Meters`` are told what happens, a ``Snapshot`` says how things stand; ``renderer`` makes the page of both.
Nothing here measures by itself or knows the loop. The Prometheus client is imported by ``renderer`` alone.
"""

from __future__ import annotations

from collections.abc import Callable

from reconciler.metrics.meters import Meters
from reconciler.metrics.snapshot import QueueFigures, Snapshot

__all__ = ["Meters", "QueueFigures", "Snapshot", "renderer"]


def renderer(meters: Meters, snapshot: Callable[[], Snapshot], *, version: str) -> Callable[[], bytes]:
    """What makes the page, anew at every call, in Prometheus' text format version 0.0.4."""
    from reconciler.metrics.collect import make_registry, render  # noqa: PLC0415 (85 ms that only `run` pays)

    registry = make_registry(meters, snapshot, version=version)
    return lambda: render(registry)
