"""Condition: in one word, how a document stands on a host, by what its agent told last. Pure.

Phase, health and sync say three things; the worst of them is the one that somebody has to look at first.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

CONDITIONS: Final = (
    "Degraded",
    "Missing",
    "Failed",
    "Refused",
    "RolledBack",
    "Held",
    "Blocked",
    "Unknown",
    "OutOfSync",
    "Reconciling",
    "Progressing",
    "Suspended",
    "Converged",
)
"""Worst first: what does not serve before what does. ``Refused``: the host's agent does not take it."""

LOUD: Final = frozenset(CONDITIONS[: CONDITIONS.index("Reconciling")])
"""Those that ask for a look."""

_WELL: Final = frozenset({"Healthy", "Synced"})


def spoken(word: str | None) -> str:
    """A word of a message as people know it: ``out-of-sync`` is ``OutOfSync``; "" for none."""
    return "".join(part[:1].upper() + part[1:] for part in (word or "").split("-"))


def condition_of(told: Mapping[str, Any]) -> str:
    """The worst word. What nobody knows here is Unknown, and so is what was not looked at yet."""
    if "refused" in told:
        return "Refused"
    words = {spoken(told.get(key)) for key in ("phase", "health", "sync")} - _WELL - {""}
    if not words or not words <= set(CONDITIONS):
        words = {"Unknown", *words}
    return min(words & set(CONDITIONS), key=CONDITIONS.index)
