"""The JSON of ``status``: one shape for command line and status page, described by a schema.

Pure: times come in as seconds since the epoch and leave as RFC 3339 text in UTC.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from reconciler.core.desired import Suspension
from reconciler.core.status import DocumentStatus

VERSION = 1


def statuses_json(statuses: Iterable[DocumentStatus]) -> dict[str, Any]:
    """All documents, in the order given."""
    return {"version": VERSION, "documents": [status_json(status) for status in statuses]}


def status_json(status: DocumentStatus) -> dict[str, Any]:
    """One document."""
    return {
        "name": status.name,
        "kind": status.kind,
        "target": status.target,
        "sync": status.sync,
        "health": status.health,
        "phase": status.phase,
        "reason": status.reason,
        "desired": {"release": status.desired_release, "digest": status.desired_digest},
        "running": {"release": status.running_release, "digest": status.running_digest},
        "drift": [
            {"kind": item.kind, "path": item.path, "wanted": item.wanted, "found": item.found}
            for item in status.drift
        ],
        "since": timestamp(status.since),
        "sticker": status.sticker,
        "quarantined": status.quarantined,
        "suspended": _suspension(status.suspension),
        "lastAction": status.last_action,
    }


def timestamp(seconds: float | None) -> str | None:
    """RFC 3339 in UTC, to the second; None where the time is not known (None or 0)."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if seconds else None


def _suspension(suspension: Suspension | None) -> dict[str, Any] | None:
    if suspension is None:
        return None
    return {"by": suspension.by, "reason": suspension.reason, "until": timestamp(suspension.until)}
