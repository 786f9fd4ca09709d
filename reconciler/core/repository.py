"""How repositories are named, and which of them a beginning of a name means. Pure.

Source of the short names: ``ParseNormalizedNamed`` in github.com/distribution/reference, ``normalize.go``.
"""

from __future__ import annotations

from typing import Final

HUB: Final = "docker.io"
_HUB_TOO: Final = f"index.{HUB}"


def full_name(repository: str) -> tuple[str, ...]:
    """A repository's parts, with the registry that a short name stands for (``ParseNormalizedNamed``)."""
    parts = [part for part in repository.split("/") if part]
    head = parts[0] if parts else ""
    if len(parts) < 2 or not _names_registry(head):
        parts = [HUB, *(["library"] if len(parts) == 1 else []), *parts]
    else:
        parts[0] = _registry(head)
    if parts[0] == HUB and len(parts) == 2:
        parts.insert(1, "library")
    return tuple(parts)


def matches(repository: str, pattern: str) -> bool:
    """Whether a repository is the pattern's or lies below it; ``*`` stands for one whole part of a name."""
    wanted = pattern_parts(pattern)
    found = full_name(repository)
    return len(wanted) <= len(found) and all(
        one in {"*", other} for one, other in zip(wanted, found, strict=False)
    )


def pattern_parts(pattern: str) -> tuple[str, ...]:
    """A pattern's parts: with a registry they are taken as they are, without one they are of Docker Hub."""
    head, *rest = [part for part in pattern.split("/") if part] or [""]
    if head == "*" or _names_registry(head):
        return (_registry(head), *rest)
    return (HUB, head, *rest) if rest or pattern.endswith("/") else (HUB, "library", head)


def _names_registry(head: str) -> bool:
    """A repository has no capitals: what has some is a host (``splitDockerDomain``)."""
    return head == "localhost" or "." in head or ":" in head or head != head.lower()


def _registry(head: str) -> str:
    host = head.lower()
    return HUB if host == _HUB_TOO else host
