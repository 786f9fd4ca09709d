"""What of the Defaults is merged under a document of each kind. Pure.

Labels and spec, never their own kind and name. A ComposeProject takes what it has itself: how long a deploy
waits, strategy, sticker, drift, suspension and what becomes of it when its document is gone. What only a container
has is left out: configuration, the order of replacing, stickers in a volume, and paths of ``drift.ignore`` that
lead into a container's configuration.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reconciler.spec.document import Document


def defaults_for(kind: str, defaults: Document | None) -> Mapping[str, Any]:
    """What is merged; {} for nothing."""
    if defaults is None:
        return {}
    labels = defaults.value.get("metadata", {}).get("labels")
    spec: Mapping[str, Any] = defaults.value.get("spec", {})
    chosen = _of_projects(spec) if kind == "ComposeProject" else spec
    return {
        **({"metadata": {"labels": labels}} if labels else {}),
        **({"spec": chosen} if chosen else {}),
    }


def _of_projects(spec: Mapping[str, Any]) -> dict[str, Any]:
    timeout = spec.get("config", {}).get("healthCheck", {}).get("timeout")
    strategy = {key: value for key, value in spec.get("strategy", {}).items() if key != "order"}
    sticker = spec.get("sticker", {})
    drift = dict(spec.get("drift", {}))
    if "ignore" in drift:
        drift["ignore"] = [path for path in drift["ignore"] if path.partition(".")[0] != "config"]
    parts = {
        "config": {"healthCheck": {"timeout": timeout}} if timeout else {},
        "strategy": strategy,
        "sticker": sticker if sticker.get("location", "host") == "host" else {},
        "drift": drift,
        **{key: spec[key] for key in ("suspend", "deletionPolicy") if key in spec},
    }
    return {key: value for key, value in parts.items() if value}
