"""What happened to a document, in words: generations and events, for the command line and the status page."""

from __future__ import annotations

from typing import Final

from reconciler.core.record import Event, Operation, Record

EVENT_TITLES: Final = ("When", "Action", "Result", "Target", "Because")
OPERATION_TITLES: Final = ("Gen", "Kind", "State", "Release", "Digest", "Started", "Result")


def result_words(record: Record, operation: Operation) -> str:
    """What came of one generation."""
    if operation.state == "committed":
        return "running" if operation == record.committed else "was good"
    if operation.state == "intent":
        return f"failed, not taken back yet: {operation.failure}" if operation.failure else "under way"
    return operation.failure or "interrupted"


def because(event: Event) -> str:
    """Its cause, and what more there is to say of it."""
    return ": ".join(filter(None, (event.cause, event.detail)))
