"""How repositories are named, and which of them a beginning of a name means. Pure.

Source of the short names: ``ParseNormalizedNamed`` in github.com/distribution/reference, ``normalize.go``.
"""

from __future__ import annotations

from typing import Final

HUB: Final = "docker.io"


def full_name(repository: str) -> tuple[str, ...]:
    """A repository's parts, with the registry that a short name stands for (``ParseNormalizedNamed``)."""
    parts = [part for part in repository.split("/") if part]
    head = parts[0] if parts else ""
    if len(parts) < 2 or not _names_registry(head):
        parts = [HUB, *(["library"] if len(parts) == 1 else []), *parts]
    elif head == f"index.{HUB}":
        parts[0] = HUB
    if parts[0] == HUB and len(parts) == 2:
        parts.insert(1, "library")
    return (parts[0].lower(), *parts[1:])


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
        return (head.lower(), *rest)
    return (HUB, head, *rest) if rest or pattern.endswith("/") else (HUB, "library", head)


def _names_registry(head: str) -> bool:
    return head == "localhost" or "." in head or ":" in head
