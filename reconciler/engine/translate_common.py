"""Pieces of the engine's JSON that several answers have in common, in canonical form. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, cast, get_args

from reconciler.core.container import HealthProbe, Protocol
from reconciler.core.observation import Health, Status

NO_PROBE = HealthProbe(test=("NONE",))
_STATUSES = frozenset(get_args(Status))
_HEALTHS = frozenset(get_args(Health))
_ALL_ADDRESSES = frozenset({"", "0.0.0.0", "::"})  # noqa: S104  (read, not bound)


def texts(told: Sequence[str] | None) -> tuple[str, ...]:
    """A list that may be null."""
    return tuple(told or ())


def environment(told: Sequence[str] | None) -> dict[str, str]:
    """``NAME=value`` lines. A name alone takes a variable of the image away: it is not there."""
    pairs = (line.partition("=") for line in told or ())
    return {name: value for name, equals, value in pairs if equals}


def status_of(word: str | None) -> Status:
    """A state that engines of today do not know is no running container."""
    return cast("Status", word) if word in _STATUSES else "dead"


def health_of(word: str | None) -> Health:
    """``none`` also where there is no check."""
    return cast("Health", word) if word in _HEALTHS else "none"


def probe(told: Mapping[str, Any] | None) -> HealthProbe:
    """The health check in milliseconds. None, an empty and a disabled one are the same: there is none."""
    test = texts((told or {}).get("Test"))
    if told is None or not test or test == NO_PROBE.test:
        return NO_PROBE
    return HealthProbe(
        test=test,
        interval_ms=(told.get("Interval") or 0) // 1_000_000,
        timeout_ms=(told.get("Timeout") or 0) // 1_000_000,
        start_period_ms=(told.get("StartPeriod") or 0) // 1_000_000,
        retries=told.get("Retries") or 0,
    )


def port_number(text: str | None) -> int:
    """The number in ``80``, ``80/tcp``; 0 for none and for a range."""
    found = re.fullmatch(r"(\d+)(/\w+)?", text or "")
    return int(found[1]) if found else 0


def protocol_of(port: str) -> Protocol:
    """``tcp`` of ``80/tcp``, and where none is named."""
    return cast("Protocol", port.partition("/")[2].lower() or "tcp")


def published_address(told: str | None) -> str:
    """Empty for all addresses, however the engine writes that."""
    return "" if (told or "") in _ALL_ADDRESSES else str(told)
