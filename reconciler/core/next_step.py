"""The next step of a person after a release that did not work: where to look, and what ends the matter. Pure.

A Container's failed container is laid aside and has its logs. Those of a project are gone once it is back on its
former revision: what is left of their logs is in the events. One that fails to be healed is still there.
"""

from __future__ import annotations

import re
from typing import Final

from reconciler.core.names import failed_name
from reconciler.core.record import Record

BAD: Final = frozenset({"rolled-back", "failed", "held", "RolledBack", "Failed", "Held"})
"""Outcomes of ``apply`` and phases of ``status`` after which a person has to do something."""

_NAMED: Final = re.compile(r"\bservice [\w.-]+ \(([\w.-]+)\)")
"""How errors name a service and its container."""


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
    place = _of_project(record) if _is_project(record) else _of_container(record)
    look = f"look at `{place}`, then " if place else ""
    return f"{name}: {look}{', '.join(ways[:-1])} or {ways[-1]}"


def _is_project(record: Record) -> bool:
    revision = record.revision(record.last.fingerprint) if record.last else None
    return revision is not None and revision.desired.project is not None


def _of_project(record: Record) -> str:
    """What shows the logs: of the container that an error names while it is there, else of all that was done."""
    undone = record.last is not None and record.last.state == "undone"
    named = _NAMED.search(record.last_error)
    return f"docker logs {named[1]}" if named and not undone else f"reconciler why {record.document}"


def _of_container(record: Record) -> str:
    """What shows the logs: of the container laid aside, or of the one that kept restarting; "" for none."""
    last = record.last
    revision = record.revision(last.fingerprint) if last else None
    if last is None or revision is None or not last.container_id:
        return ""
    name = revision.desired.container_name
    if last.state == "undone":
        return f"docker logs {failed_name(name, last.generation)}" if last.failure else ""
    return f"docker logs {name}" if record.held else ""


def _has_earlier_release(record: Record) -> bool:
    last = record.last
    return last is not None and any(
        item.state == "committed" and item.fingerprint not in {last.fingerprint, *record.quarantined}
        for item in record.operations
    )
