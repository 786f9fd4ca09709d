"""A pull's messages as few short lines: one percentage over all layers.

Tells only when the number went up, at most every ten percent, and the end; a pull has thousands of messages.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reconciler.core.desired import ImageReference
from reconciler.core.interfaces import Progress

STEP = 10
_DONE = frozenset({"Pull complete", "Already exists"})


class PullProgress:
    """Adds up what the layers say. Downloading and unpacking count half each."""

    def __init__(self, image: ImageReference, progress: Progress) -> None:
        self._image = image
        self._progress = progress
        self._layers: dict[str, float] = {}
        self._told = -1

    def tell(self, message: Mapping[str, Any]) -> None:
        """Take one message of the stream; calls the progress function when there is something new."""
        layer, status = message.get("id"), str(message.get("status") or "")
        if not isinstance(layer, str) or status.startswith("Pulling from"):
            return
        self._layers[layer] = max(self._layers.get(layer, 0.0), _share(status, message.get("progressDetail")))
        percent = int(100 * sum(self._layers.values()) / len(self._layers)) // STEP * STEP
        if percent > self._told:
            self._told = percent
            self._progress(f"pulling {self._image.short}: {percent} %")


def _share(status: str, detail: object) -> float:
    """How much of a layer is done, 0 to 1."""
    if status in _DONE:
        return 1.0
    if status in {"Download complete", "Verifying Checksum"}:
        return 0.5
    if not isinstance(detail, Mapping) or not detail.get("total"):
        return 0.0
    part = min(float(detail.get("current") or 0) / float(detail["total"]), 1.0)
    return 0.5 + part / 2 if status == "Extracting" else part / 2
