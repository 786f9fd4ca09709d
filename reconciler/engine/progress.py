"""A pull's messages as few short lines: one percentage over all layers, how many are done, how much has come.

Tells only when the percentage went up, and the end: a pull has thousands of messages. Layers that the host has
already are no part of the percentage: they are told first, and would make it whole before anything came.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reconciler.core.desired import ImageReference
from reconciler.core.interfaces import Progress

MEGABYTE = 1_000_000
ALL = 100
DOWNLOADED = 0.5


class PullProgress:
    """Adds up what the layers say. Downloading and unpacking count half each. How large a layer is, the engine
    says while it downloads or unpacks it; one that it has already has no size.
    """

    def __init__(self, image: ImageReference, progress: Progress) -> None:
        self._image = image
        self._progress = progress
        self._layers: dict[str, float] = {}
        self._sizes: dict[str, int] = {}
        self._had = 0
        self._told = 0

    def tell(self, message: Mapping[str, Any]) -> None:
        """Take one message of the stream; calls the progress function when there is something new."""
        layer, status = message.get("id"), str(message.get("status") or "")
        if not isinstance(layer, str) or status.startswith("Pulling from"):
            return
        if status == "Already exists":
            self._had += 1
            return
        detail = message.get("progressDetail")
        if status in {"Downloading", "Extracting"} and isinstance(detail, Mapping) and detail.get("total"):
            self._sizes[layer] = max(self._sizes.get(layer, 0), int(detail["total"]))
        self._layers[layer] = max(self._layers.get(layer, 0.0), _share(status, detail))
        percent = int(100 * sum(self._layers.values()) / len(self._layers))
        if percent > self._told:
            self._tell(percent)

    def end(self) -> None:
        """The stream has ended well. Of an image whose every layer was here nothing has been told so far."""
        if self._told < ALL and (self._had or self._layers):
            self._tell(ALL)

    def _tell(self, percent: int) -> None:
        self._told = percent
        self._progress(f"pulling {self._image.short}: {percent} %, {self._counted()}")

    def _counted(self) -> str:
        done = sum(share == 1.0 for share in self._layers.values())
        layers = f"{self._had + done} of {self._had + len(self._layers)} layers"
        size = sum(self._sizes.values())
        come = sum(size * min(2 * self._layers[layer], 1.0) for layer, size in self._sizes.items())
        told = f"{come / MEGABYTE:.1f} of {size / MEGABYTE:.1f} MB"
        if self._told < ALL and all(share >= DOWNLOADED for share in self._layers.values()):
            told = f"unpacking {size / MEGABYTE:.1f} MB"
        return f"{layers}, {told}" if size >= MEGABYTE / 10 else layers


def _share(status: str, detail: object) -> float:
    """How much of a layer is done, 0 to 1."""
    if status == "Pull complete":
        return 1.0
    if status in {"Download complete", "Verifying Checksum"}:
        return DOWNLOADED
    if not isinstance(detail, Mapping) or not detail.get("total"):
        return 0.0
    part = min(float(detail.get("current") or 0) / float(detail["total"]), 1.0)
    return DOWNLOADED + part / 2 if status == "Extracting" else part / 2
