"""Documents as a person would write them, made of the parts a test cares about."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

from tests.parts.images import PublishedImage

Spec = dict[str, Any]


def document(name: str, image: PublishedImage, release: str, /, **spec: Any) -> Spec:
    """A Container document. ``spec`` is laid over the short times that tests need, mapping by mapping."""
    quick: Spec = {
        "release": {"id": release, "name": f"{name} {release}"},
        "image": image.repository,
        "digest": image.digest,
        "config": {"healthCheck": {"timeout": "20s"}, "stopTimeout": "3s"},
        "strategy": {"minHealthy": "100ms"},
    }
    return {
        "apiVersion": "stella/v1",
        "kind": "Container",
        "metadata": {"name": name},
        "spec": merged(quick, spec),
    }


def merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> Spec:
    """``over`` laid over ``base``; None takes a key away."""
    result = dict(base)
    for key, value in over.items():
        if isinstance(value, Mapping) and isinstance(result.get(key), Mapping):
            result[key] = merged(result[key], value)
        elif value is None:
            result.pop(key, None)
        else:
            result[key] = value
    return result


def as_yaml(*documents: Mapping[str, Any]) -> str:
    """One file's text."""
    return yaml.safe_dump_all(documents, sort_keys=False)
