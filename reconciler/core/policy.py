"""The host's policy: what documents may ask of this host. Deny by default; pure.

It is the host's own, out of reach of documents. Applied to what a document resolves to, never to its text.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from reconciler.core.desired import DesiredState


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What is allowed beyond the ordinary. ``host_paths`` are roots that may be mounted; ``host_namespaces``
    some of ``network``, ``pid``, ``ipc``, ``uts``, ``userns``, ``cgroup``; ``capabilities`` what may be added;
    ``devices`` and ``security_options`` are compared as they are written. ``source`` says where it was read.
    """

    privileged: bool = False
    engine_socket: bool = False
    capabilities: frozenset[str] = field(default_factory=frozenset)
    host_namespaces: frozenset[str] = field(default_factory=frozenset)
    host_paths: tuple[str, ...] = ()
    devices: frozenset[str] = field(default_factory=frozenset)
    security_options: frozenset[str] = field(default_factory=frozenset)
    source: str = "the built-in policy"


def refusals(desired: DesiredState, policy: Policy) -> tuple[str, ...]:
    """What of ``desired`` the policy refuses, each naming service, rule and how to allow it; () for nothing."""
    raise NotImplementedError((desired, policy))
