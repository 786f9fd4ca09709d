"""Request: what one container asks of the host, whichever kind of document it comes from. Pure values."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from reconciler.core.container import ContainerConfig
from reconciler.core.image import ImageReference
from reconciler.core.policy_values import Policy


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """``artifacts`` are the paths at which the document's own files lie; ``keys`` further keys of a Compose
    service that the policy has a say in; ``links`` where host paths lead; ``hook`` is the name of one, for what
    its sandbox asks for.
    """

    image: ImageReference
    config: ContainerConfig
    service: str = ""
    hook: str = ""
    namespaces: Mapping[str, str] = field(default_factory=dict)
    security: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()
    artifacts: frozenset[str] = frozenset()
    links: Mapping[str, str] = field(default_factory=dict)

    def paths(self, path: str) -> tuple[str, ...]:
        """A host path as it is written, and where it leads if that is elsewhere."""
        return both(path, self.links)

    def names(self, document_key: str, compose_key: str) -> str:
        """How the key is called in the kind of document at hand."""
        return compose_key if self.service else document_key


def both(path: str, links: Mapping[str, str]) -> tuple[str, ...]:
    """``path`` and what it leads to, each once."""
    return tuple(dict.fromkeys((path, links.get(path, path))))


@dataclass(frozen=True, slots=True)
class Denied:
    """What is refused by ``rule``, in ``words``. ``value`` is what the policy's key would have to hold; ``advice``
    stands in its place where the document is to change instead.
    """

    rule: str
    words: str
    value: str | bool = ""
    advice: str = ""

    def allow(self, policy: Policy) -> str:
        """What to do about it."""
        if self.advice:
            return f"{self.advice}; the bound is set in {policy.place}"
        if self.value is True:
            return f"to allow it, set {self.rule}: true in {policy.place}"
        return f"to allow it, add {json.dumps(self.value, ensure_ascii=False)} to {self.rule} in {policy.place}"
