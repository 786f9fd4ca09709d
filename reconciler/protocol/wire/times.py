"""Times as text, RFC 3339 in UTC, and back. One text per time, so that a message has one form."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta


@dataclass(frozen=True, slots=True)
class Moment:
    """Now, twice: ``at`` is this host's clock in UTC, which somebody may set; ``ticks`` are seconds of a clock
    that only goes forward (``time.monotonic``), by which durations are counted.
    """

    at: datetime
    ticks: float

    def later(self, seconds: float) -> Moment:
        """A moment after this one, by both clocks."""
        return Moment(self.at + timedelta(seconds=seconds), self.ticks + seconds)


def time_text(moment: datetime) -> str:
    """``2026-01-31T09:30:00.25Z``. Raises ValueError for a time without a zone."""
    if moment.tzinfo is None:
        raise ValueError("a time of a message needs a zone")
    utc = moment.astimezone(UTC)
    fraction = f".{utc.microsecond:06d}".rstrip("0") if utc.microsecond else ""
    return f"{utc.year:04d}{utc:-%m-%dT%H:%M:%S}{fraction}Z"


def read_time(text: str) -> datetime:
    """The time that a text names. Raises ValueError for one that no calendar has."""
    return datetime.fromisoformat(text).astimezone(UTC)
