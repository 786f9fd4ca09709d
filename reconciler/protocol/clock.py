"""The server's clock as an agent knows it, from heartbeats alone.

Each answer brings the server's time. It was written somewhere between sending and receiving, so that half of the
round trip is the error. What is kept is tied to ticks, which nobody sets: a clock of this host that jumps does not
change what is expired. A jump (somebody set the clock, or the host slept, which ticks may not count) puts all that
is known in doubt until the next answer.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from reconciler.protocol.wire.times import Moment

KEPT: Final = 8
"""How many answers are remembered; the one with the least error counts."""

DRIFT: Final = 0.0005
"""Seconds per second by which two clocks may part: far more than quartz does."""


@dataclass(frozen=True, slots=True)
class Sample:
    """The server's time at ``moment``, within ``error`` seconds."""

    server: datetime
    moment: Moment
    error: float

    def error_at(self, now: Moment) -> float:
        """How wrong it may be by now: also by what this host's clock went otherwise than its ticks, since either
        of them may be the one to believe.
        """
        return self.error + abs(now.ticks - self.moment.ticks) * DRIFT + abs(_jump(self, now))


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """``limit``: seconds by which this host's clock may be wrong before nothing is changed any more."""

    limit: float = 60.0
    samples: tuple[Sample, ...] = ()

    def heard(self, sent: Moment, received: Moment, server: datetime) -> Clock:
        """With one more answer."""
        half = max(0.0, received.ticks - sent.ticks) / 2
        middle = Moment(received.at - timedelta(seconds=half), received.ticks - half)
        sound = tuple(item for item in self.samples if abs(_jump(item, received)) <= self.limit)
        return replace(self, samples=(*sound, Sample(server, middle, half))[-KEPT:])

    def best(self, now: Moment) -> Sample | None:
        """The answer that tells most."""
        return min(self.samples, key=lambda item: item.error_at(now), default=None)

    def server_time(self, now: Moment) -> datetime:
        """The server's time now; this host's own where nothing is known."""
        best = self.best(now)
        return now.at if best is None else best.server + timedelta(seconds=now.ticks - best.moment.ticks)

    def offset(self, now: Moment) -> float:
        """Seconds by which the server's clock is ahead of this host's."""
        return (self.server_time(now) - now.at).total_seconds()

    def trouble(self, now: Moment) -> str:
        """Why no time can be relied on now; "" when it can."""
        best = self.best(now)
        if best is None:
            return "the server's time is not known yet"
        if abs(_jump(best, now)) > self.limit:
            return "this host's clock has jumped since the last heartbeat"
        if best.error_at(now) > self.limit:
            return (
                f"the server's time is known within {best.error_at(now):.0f} s only; {self.limit:.0f} are allowed"
            )
        if abs(self.offset(now)) - best.error_at(now) > self.limit:
            return f"this host's clock is {abs(self.offset(now)):.0f} s off; {self.limit:.0f} are allowed"
        return ""


def _jump(sample: Sample, now: Moment) -> float:
    """By how much this host's clock went otherwise than its ticks."""
    return (now.at - sample.moment.at).total_seconds() - (now.ticks - sample.moment.ticks)
