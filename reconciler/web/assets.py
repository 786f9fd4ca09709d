"""The files that pages are made of beside their text: style, script, icon.

Each is named by its digest, so that it may be kept for ever: another version has another address.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Final

FOLDER: Final = "/assets/"
_TYPES: Final = {
    "status.css": "text/css; charset=utf-8",
    "status.js": "text/javascript; charset=utf-8",
    "icon.svg": "image/svg+xml",
}


@dataclass(frozen=True, slots=True)
class Asset:
    """One file: where it is on this site, and what it is."""

    address: str
    content_type: str
    content: bytes


def load_assets() -> Mapping[str, Asset]:
    """All of them, by their names here."""
    return {name: _load(name, content_type) for name, content_type in _TYPES.items()}


def _load(name: str, content_type: str) -> Asset:
    content = files("reconciler.web").joinpath("assets", name).read_bytes()
    stem, _, ending = name.rpartition(".")
    digest = hashlib.sha256(content).hexdigest()[:16]
    return Asset(f"{FOLDER}{stem}.{digest}.{ending}", content_type, content)
