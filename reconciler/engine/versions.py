"""Which version of the engine's API is spoken.

Decides from what the engine tells of itself; asking is ``connection``'s. The range is what the translations
know: from Engine 20.10 on, and not beyond a version whose JSON was read, because newer versions drop fields.
Newer engines speak the older versions too.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reconciler.errors import EngineRefused, EngineTooOld

OLDEST_API = (1, 41)
NEWEST_API = (1, 45)


def common_version(told: Mapping[str, Any]) -> tuple[int, int]:
    """The newest version both sides speak. ``told`` is the engine's ``/version``.

    Raises EngineTooOld, and EngineRefused for an engine that only speaks newer versions than ours.
    """
    newest, oldest = _version(told.get("ApiVersion")), _version(told.get("MinAPIVersion"))
    name = f"engine {told.get('Version') or 'of unknown version'}"
    if newest < OLDEST_API:
        raise EngineTooOld(
            f"{name} speaks API {text(newest)} at most; {text(OLDEST_API)} is needed",
            hint="install Docker Engine 20.10 or newer",
        )
    if oldest > NEWEST_API:
        raise EngineRefused(
            f"{name} speaks API {text(oldest)} at least; this reconciler speaks {text(NEWEST_API)} at most",
            hint="install a newer reconciler",
        )
    return min(newest, NEWEST_API)


def text(version: tuple[int, int]) -> str:
    """``1.41``."""
    return f"{version[0]}.{version[1]}"


def _version(words: object) -> tuple[int, int]:
    """``(0, 0)`` for what is missing or no version."""
    major, _, minor = str(words or "").partition(".")
    return (int(major), int(minor)) if major.isdecimal() and minor.isdecimal() else (0, 0)
