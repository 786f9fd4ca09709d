"""A selector in words, as it is read aloud. One place for the command line and the status page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

_SIGNS: Final = {"In": "in", "NotIn": "not in"}


def words_of(targets: Mapping[str, Any]) -> str:
    """``targets``: as a document writes them; {} is every host."""
    names = [targets["target"]] if "target" in targets else targets.get("names", [])
    words = [", ".join(names)] if names else []
    words += [f"{key}={value}" for key, value in sorted(targets.get("matchLabels", {}).items())]
    words += [_condition(item) for item in targets.get("matchExpressions", [])]
    return "; ".join(words) or "every host"


def _condition(item: Mapping[str, Any]) -> str:
    if item["operator"] in _SIGNS:
        return f"{item['key']} {_SIGNS[item['operator']]} ({', '.join(item['values'])})"
    return f"{'' if item['operator'] == 'Exists' else 'no '}{item['key']}"
