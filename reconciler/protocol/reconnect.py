"""When a session is begun again, so that a fleet comes back as a trickle; and who may begin one now.

All agents lose the orchestrator at the same moment, and must not return at the same moment. Each waits a time
drawn evenly from a spread, which the orchestrator has told it in the last Welcome by the size of the fleet
(``spread_for``); failures double it. So the peak is bounded by a rate, whatever the size of the fleet.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

SHORTEST_S: Final = 5
"""The spread of a small fleet: a single agent is back soon."""

LONGEST_S: Final = 300
PER_SECOND: Final = 20
"""How many agents are to come back in a second, on average: each costs the orchestrator some 25 ms."""


def spread_for(agents: int, per_second: int = PER_SECOND) -> int:
    """Over how many seconds each of so many agents spreads its return."""
    return min(LONGEST_S, max(SHORTEST_S, math.ceil(agents / per_second)))


@dataclass(frozen=True, slots=True)
class Reconnect:
    """An agent's way back. ``spread`` in seconds; ``failures`` in a row; ``not_before``: as a Close asked."""

    spread: int = SHORTEST_S
    failures: int = 0
    not_before: int = 0

    def delay(self, chance: float) -> float:
        """Seconds until the next try; ``chance`` from 0 to 1."""
        return self.not_before + chance * min(float(LONGEST_S), self.spread * 2.0 ** min(self.failures, 10))

    def failed(self, not_before: int = 0) -> Reconnect:
        """A try came to nothing, or the session ended."""
        return replace(self, failures=self.failures + 1, not_before=not_before)

    def welcomed(self, spread: int) -> Reconnect:
        """A session was begun."""
        return Reconnect(spread)

    def lost(self, not_before: int = 0) -> Reconnect:
        """A session that was begun has ended: no failure, so that the spread alone counts."""
        return replace(self, failures=0, not_before=not_before)


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionGate:
    """How often one agent, and all together, may begin sessions: buckets that fill up with time. A link that comes
    and goes each second costs the orchestrator a refusal, no session.
    """

    every: float = 8.0
    burst: int = 3
    together: int = 2 * PER_SECOND
    _full_at: Mapping[str, float] = field(default_factory=dict)
    _all_full_at: float = 0.0

    def admit(self, agent: str, ticks: float) -> tuple[SessionGate, int]:
        """The gate afterwards, and 0, or after how many seconds the agent may ask again."""
        own = max(self._full_at.get(agent, 0.0), ticks)
        everybody = max(self._all_full_at, ticks)
        wait = max(own + self.every - (ticks + self.every * self.burst), everybody - (ticks + 1.0))
        if wait > 0:
            return self, math.ceil(wait)
        known = {name: full for name, full in self._full_at.items() if full > ticks}
        known[agent] = own + self.every
        return replace(self, _full_at=known, _all_full_at=everybody + 1 / self.together), 0
