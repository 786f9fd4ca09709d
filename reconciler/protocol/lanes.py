"""Which tasks may be begun now. Pure.

Each document has one lane: its mutating tasks go one after another, in the order in which they were accepted,
which the fence makes the order of their generations. Tasks that change something but name no document share the
host's lane. Priority chooses between lanes, never within one: a rollback does not overtake the deploy it is to
undo. What only looks goes beside, without waiting.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from reconciler.protocol.inbox import Entry
from reconciler.protocol.message.common import Priority

ORDER: Final[dict[Priority, int]] = {"critical": 0, "high": 1, "normal": 2, "low": 3}
HOST: Final = ""
"""The lane of what is about no document."""


def lane_of(entry: Entry) -> str:
    """The lane of a mutating task."""
    return entry.task.document or HOST


def startable(entries: Iterable[Entry], *, lanes: int = 4, reads: int = 8) -> tuple[Entry, ...]:
    """Those to begin now, in order; at most so many lanes and reads are worked on at once."""
    open_entries = sorted((item for item in entries if not item.over), key=lambda item: item.number)
    mutating = [item for item in open_entries if item.task.mutates]
    looking = [item for item in open_entries if not item.task.mutates]
    running = sum(item.state == "running" for item in looking)
    waiting = [item for item in looking if item.state == "accepted"]
    return (*_heads(mutating, lanes), *waiting[: max(0, reads - running)])


def _heads(mutating: list[Entry], lanes: int) -> list[Entry]:
    first: dict[str, Entry] = {}
    for entry in mutating:
        lane = lane_of(entry)
        if lane not in first or entry.state == "running":
            first[lane] = entry
    busy = sum(item.state == "running" for item in first.values())
    ready = [item for item in first.values() if item.state == "accepted"]
    ready.sort(key=lambda item: (ORDER[item.task.priority], item.number))
    return ready[: max(0, lanes - busy)]
