"""Which operations a history keeps: those whose containers may still be there, and good ones to return to."""

from __future__ import annotations

from reconciler.core.record import Operation

KEPT_OPERATIONS = 20
KEPT_GOOD_REVISIONS = 3


def retained(operations: tuple[Operation, ...]) -> tuple[Operation, ...]:
    """Open ones, the newest twenty of each final state, the newest commit of the last three good revisions."""
    kept = {item.generation for item in operations if item.state == "intent"}
    for state in ("committed", "undone"):
        kept.update([item.generation for item in operations if item.state == state][-KEPT_OPERATIONS:])
    newest = {item.fingerprint: item.generation for item in operations if item.state == "committed"}
    kept.update(sorted(newest.values())[-KEPT_GOOD_REVISIONS:])
    return tuple(item for item in operations if item.generation in kept)
