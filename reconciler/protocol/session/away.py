"""Away: what was handed to one link, and waits to be acknowledged; when it is sent again.

A link that lives loses nothing: what was sent once over it is there, or will be, however slow the other side is.
So it is sent again only after a pause that grows, counted from when the link took it. What the link has not taken
yet is never sent again: a slow orchestrator would get the more, the less it can take.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Container
from dataclasses import dataclass
from typing import Final

from reconciler.protocol.wire.times import Moment

FIRST_S: Final = 30.0
"""The pause before something is sent a second time, at the least; each further one is twice as long."""

LONGEST_S: Final = 300.0
JITTER: Final = 0.5
"""By which part at the most a pause is longer: what was sent at once does not come again at once."""


def pause(name: str, times: int) -> float:
    """Seconds until it is sent again, after ``times`` such pauses. The name is what the jitter is drawn from."""
    chance = zlib.crc32(f"{name} {times}".encode()) / 2**32
    return min(LONGEST_S, FIRST_S * 2.0 ** min(times, 10)) * (1 + JITTER * chance)


@dataclass(slots=True)
class _Wait:
    """``queued``: messages of it that the link has not taken; ``until``: ticks, endless while there are some."""

    queued: int = 0
    times: int = 0
    until: float = math.inf


class Away:
    """By name: one result, or one task's log, of which several messages may be away."""

    def __init__(self) -> None:
        self._waits: dict[str, _Wait] = {}

    def __contains__(self, name: str) -> bool:
        return name in self._waits

    def __len__(self) -> int:
        return len(self._waits)

    @property
    def next(self) -> float:
        """Ticks at which something is to be sent again; endless where nothing is."""
        return min((wait.until for wait in self._waits.values()), default=math.inf)

    def queued(self, name: str) -> None:
        """A message of it was handed over."""
        wait = self._waits.setdefault(name, _Wait())
        wait.queued += 1
        wait.until = math.inf

    def taken(self, name: str, now: Moment) -> None:
        """The link has taken a message of it. What is acknowledged already is passed over."""
        wait = self._waits.get(name)
        if wait is not None and wait.queued:
            wait.queued -= 1
            self._begin(name, wait, now)

    def heard(self, name: str, now: Moment) -> None:
        """Part of it was acknowledged: the other side is well."""
        wait = self._waits.get(name)
        if wait is not None:
            wait.times = 0
            self._begin(name, wait, now)

    def late(self, now: Moment) -> list[str]:
        """What is to be sent again now; what was sent least often first."""
        found = [name for name, wait in self._waits.items() if now.ticks >= wait.until]
        return sorted(found, key=lambda name: self._waits[name].times)

    def again(self, name: str) -> None:
        """It is sent again."""
        self._waits[name].times += 1

    def only(self, names: Container[str]) -> None:
        """Nothing else is waited for any more."""
        self._waits = {name: wait for name, wait in self._waits.items() if name in names}

    def _begin(self, name: str, wait: _Wait, now: Moment) -> None:
        if not wait.queued:
            wait.until = now.ticks + pause(name, wait.times)
