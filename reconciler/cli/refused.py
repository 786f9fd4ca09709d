"""Where a document says what the host's policy refuses of it. Pure.

A refusal is of what a document resolves to; here the field is found again that asked for it, so that a person can
go there. What comes of a lock file is told at the document's ``composeLock``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from reconciler.core.policy import Refusal
from reconciler.spec.problem import Path

_CONFIG: Final = ("spec", "config")
_KEYS: Final = {
    "capabilities": "capAdd",
    "devices": "devices",
    "engineSocket": "volumes",
    "hookNetworks": "network",
    "hostNamespaces": "networks",
    "hostPaths": "volumes",
    "maximum.cpus": "cpuLimit",
    "maximum.memory": "memoryLimit",
    "maximum.pids": "pidsLimit",
    "ports": "ports",
    "registries": "image",
    "sysctls": "sysctls",
}


def refused_field(refusal: Refusal, document: Mapping[str, Any]) -> Path:
    """The path of the field in the document with its Defaults; () where none is known to ask for it."""
    path = _field(refusal)
    value: Any = document
    for part in path:
        value = value.get(part) if isinstance(value, Mapping) else None
    return path + _item(refusal.asked, value)


def _field(refusal: Refusal) -> Path:
    if refusal.service:
        return (*_CONFIG, "composeLock")
    if refusal.rule == "deploymentPaths":
        return ("spec", "sticker", "path") if "sticker" in refusal.asked else (*_CONFIG, "deploymentDirectory")
    key = _KEYS.get(refusal.rule)
    if key is None:
        return ()
    if refusal.hook:
        return ("spec", "hooks", refusal.hook, key)
    return ("spec", key) if key == "image" else (*_CONFIG, key)


def _item(asked: str, value: Any) -> Path:
    """The one of several that is spoken of; () where there is no telling."""
    words = asked.replace(",", " ").split()
    if isinstance(value, Mapping):
        return next(((key,) for key in value if key in words), ())
    if not isinstance(value, list):
        return ()
    for named in (_whole, _beginning):
        for index, item in enumerate(value):
            if any(named(str(part), words) for part in (item.values() if isinstance(item, Mapping) else [item])):
                return (index,)
    return ()


def _whole(item: str, words: Sequence[str]) -> bool:
    """``8080:80`` is spoken of as ``8080:80/tcp``."""
    return any(word == item or word.startswith(f"{item}/") for word in words)


def _beginning(item: str, words: Sequence[str]) -> bool:
    """``/etc:/host:ro`` is spoken of as ``/etc``."""
    return item.partition(":")[0] in {word.partition(":")[0] for word in words}
