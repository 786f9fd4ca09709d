"""Whether an agent is there, by the time of its last heartbeat alone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

State = Literal["online", "degraded", "offline", "stale"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Marks:
    """After how much silence an agent counts as what."""

    degraded: timedelta = timedelta(minutes=2)
    offline: timedelta = timedelta(minutes=5)
    stale: timedelta = timedelta(hours=1)


def presence(last_seen: datetime | None, now: datetime, marks: Marks | None = None) -> State:
    """One that was never seen is stale. A last heartbeat of the future (the clock was set back) is of now."""
    if last_seen is None:
        return "stale"
    silence, marks = now - last_seen, marks or Marks()
    if silence >= marks.stale:
        return "stale"
    if silence >= marks.offline:
        return "offline"
    return "degraded" if silence >= marks.degraded else "online"
