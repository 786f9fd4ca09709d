"""Defaults merged under a document: mappings key by key, everything else replaced whole.

Laws: nothing under ``x`` is ``x``; ``x`` under nothing is ``x``; ``x`` under ``x`` is ``x``; merging is
associative where the values at one path are all mappings, or none is.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def merged(under: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """``over`` laid on ``under``. Neither is changed; values are shared, not copied."""
    result = dict(under)
    for key, value in over.items():
        below = result.get(key)
        result[key] = merged(below, value) if isinstance(below, Mapping) and isinstance(value, Mapping) else value
    return result
