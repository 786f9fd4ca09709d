"""The next step of a person after a release that did not work: where to look, and what ends the matter. Pure."""

from __future__ import annotations

from typing import Final

from reconciler.core.names import failed_name
from reconciler.core.record import Record

BAD: Final = frozenset({"rolled-back", "failed", "held", "RolledBack", "Failed", "Held"})
"""Outcomes of ``apply`` and phases of ``status`` after which a person has to do something."""


def next_step(record: Record, outcome: str) -> str:
    """One line for a document whose outcome or phase is this; "" where there is nothing to advise.

    What is suspended, or differs by its own policy, is held without anything having failed.
    """
    stuck = bool(record.quarantined or record.held) or outcome.lower() != "held"
    if outcome not in BAD or record.suspension is not None or not stuck:
        return ""
    name = record.document
    ways = ["edit the document", f"`reconciler clear {name}`"]
    if _has_earlier_release(record):
        ways.append(f"`reconciler rollback {name}`")
    container = _container(record)
    look = f"look at `docker logs {container}`, then " if container else ""
    return f"{name}: {look}{', '.join(ways[:-1])} or {ways[-1]}"


def _container(record: Record) -> str:
    """Name of the container whose logs tell: the one laid aside, or the one that kept restarting; "" for none."""
    last = record.last
    revision = record.revision(last.fingerprint) if last else None
    if last is None or revision is None or not last.container_id:
        return ""
    name = revision.desired.container_name
    if last.state == "undone":
        return failed_name(name, last.generation) if last.failure else ""
    return name if record.held else ""


def _has_earlier_release(record: Record) -> bool:
    last = record.last
    return last is not None and any(
        item.state == "committed" and item.fingerprint not in {last.fingerprint, *record.quarantined}
        for item in record.operations
    )
